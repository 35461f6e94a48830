// The header of one GGUF file: what it says, checked as far as the file alone can tell. See gguf.h.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/weights/file.h"

namespace gemring {

enum class GgufValueType : std::uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12,
};

std::string_view name(GgufValueType type);

/// Bytes of one value; 0 for strings and arrays, whose length stands in the file.
std::size_t value_bytes(GgufValueType type);

/// One pair of key and value; the bytes are where the header has them.
struct GgufPair {
  std::size_t key_begin = 0;  // offset into GgufHeader::bytes
  std::size_t key_length = 0;
  GgufValueType type = GgufValueType::u8;  // of the value, or of each item
  bool is_array = false;
  std::uint64_t count = 1;      // items
  std::size_t value_begin = 0;  // of the first item; strings: of its u64 length
};

struct GgufTensor {
  std::string name;
  std::uint32_t type = 0;           // see gguf_types.h
  std::vector<std::int64_t> shape;  // outermost first, the reverse of the file's order
  std::uint64_t offset = 0;         // from the start of the file, in bytes
  std::uint64_t bytes = 0;          // 0 where the type is unknown
};

struct GgufHeader {
  std::shared_ptr<const InputFile> file;
  std::string bytes;                // from the start of the file; pairs, and tensors where they were read
  std::vector<GgufPair> pairs;      // sorted by key, no key twice
  std::vector<GgufTensor> tensors;  // sorted by offset, none overlaps another

  std::string_view key(const GgufPair& pair) const {
    return std::string_view(bytes).substr(pair.key_begin, pair.key_length);
  }
};

enum class GgufPart { pairs, pairs_and_tensors };

/// Reads and checks the header. A count is compared with the bytes that are left before anything is allocated for it.
/// Throws ModelFileError naming file, key or tensor, and problem.
GgufHeader read_gguf_header(const std::string& path, GgufPart part);

/// The four bytes that every GGUF file begins with.
inline constexpr std::string_view kGgufMagic = "GGUF";

}  // namespace gemring

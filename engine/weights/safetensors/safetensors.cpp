#include "engine/weights/safetensors/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <tuple>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/hash.h"
#include "engine/weights/safetensors/safetensors_header.h"

namespace gemring {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and weights are used in place");

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // safetensors/src/tensor.rs, MAX_HEADER_SIZE
constexpr std::uint64_t kLengthBytes = 8;

std::string read_header_text(const InputFile& file) {
  if (file.size() < kLengthBytes) {
    throw ModelFileError(
        {file.path(), fmt::format("has {} bytes; a safetensors file has at least 8", file.size()), kCutShort});
  }
  refuse_git_lfs_pointer(file);
  std::array<std::byte, kLengthBytes> length_bytes = {};
  file.read_at(0, length_bytes);
  const auto length = std::bit_cast<std::uint64_t>(length_bytes);
  if (length > kMaxHeaderBytes) {
    throw ModelFileError({file.path(),
                          fmt::format("announces a header of {} bytes; at most {} are allowed", grouped(length),
                                      grouped(kMaxHeaderBytes)),
                          kDamagedSafetensors});
  }
  if (kLengthBytes + length > file.size()) {
    throw ModelFileError({file.path(),
                          fmt::format("has a header that ends at byte {}, the file at {}",
                                      grouped(kLengthBytes + length), grouped(file.size())),
                          kCutShort});
  }
  std::string text(length, '\0');
  file.read_at(kLengthBytes, std::as_writable_bytes(std::span(text)));
  return text;
}

/// Bytes that shape and type ask for; nothing where the product leaves 64 bits.
std::optional<std::uint64_t> bytes_of(const HeaderEntry& entry) {
  std::uint64_t bytes = safetensors_element_bytes(entry.type);
  for (const std::int64_t extent : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes)) return std::nullopt;
  }
  return bytes;
}

/// `expected` is where the tensor before this one ends.
void check_entry(const InputFile& file, const HeaderEntry& entry, std::uint64_t expected, std::uint64_t data_start) {
  const auto refuse = [&](const std::string& problem, const char* advice = kDamagedSafetensors) {
    throw ModelFileError({file.path(), fmt::format("tensor {} {}", entry.name, problem), advice});
  };
  if (entry.end < entry.begin)
    refuse(fmt::format("ends at {}, before it begins at {}", grouped(entry.end), grouped(entry.begin)));
  if (entry.begin != expected) {
    refuse(fmt::format("begins at byte {} of the data, the tensor before it ends at {}: {}", grouped(entry.begin),
                       grouped(expected), entry.begin > expected ? "there is a hole" : "they overlap"));
  }
  const auto bytes = bytes_of(entry);
  if (!bytes) refuse("has a shape whose size leaves 64 bits");
  if (entry.end - entry.begin != *bytes) {
    refuse(fmt::format("has {} bytes, its shape and type {} ask for {}", grouped(entry.end - entry.begin), entry.type,
                       grouped(*bytes)));
  }
  if (entry.end > file.size() - data_start) {
    std::uint64_t end = 0;
    if (__builtin_add_overflow(data_start, entry.end, &end)) refuse("ends behind all that 64 bits can count");
    refuse(fmt::format("ends at byte {}, the file at {}", grouped(end), grouped(file.size())), kCutShort);
  }
}

template <class T>
std::vector<T> read_elements(const SafetensorsFile& file, std::string_view name, std::string_view type) {
  const StoredTensor& tensor = file.at(name);
  if (tensor.type != type) {
    throw ModelFileError(
        {file.file->path(), fmt::format("tensor {} has type {}; {} is needed", name, tensor.type, type), ""});
  }
  std::vector<T> values(tensor.bytes / sizeof(T));
  file.file->read_at(tensor.offset, std::as_writable_bytes(std::span(values)));
  return values;
}

}  // namespace

std::optional<DataType> computable_type(const StoredTensor& tensor) {
  if (tensor.type == "F32") return DataType::f32;
  if (tensor.type == "F16") return DataType::f16;
  if (tensor.type == "BF16") return DataType::bf16;
  return std::nullopt;
}

const StoredTensor& SafetensorsFile::at(std::string_view name) const {
  for (const StoredTensor& tensor : tensors) {
    if (tensor.name == name) return tensor;
  }
  throw ModelFileError({file->path(), fmt::format("has no tensor {}", name), "this is another model's file"});
}

SafetensorsFile open_safetensors(const std::string& path) {
  SafetensorsFile result;
  result.file = std::make_shared<const InputFile>(path);
  const std::string text = read_header_text(*result.file);
  result.header_hash = fnv1a(text);
  ParsedHeader header = parse_safetensors_header(path, text);
  result.metadata = std::move(header.metadata);
  std::sort(header.entries.begin(), header.entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });

  const std::uint64_t data_start = kLengthBytes + text.size();
  std::uint64_t end = 0;
  for (HeaderEntry& entry : header.entries) {
    check_entry(*result.file, entry, end, data_start);
    end = entry.end;
    result.tensors.push_back({std::move(entry.name), std::move(entry.type), std::move(entry.shape),
                              data_start + entry.begin, entry.end - entry.begin});
  }
  if (data_start + end != result.file->size()) {
    throw ModelFileError({path,
                          fmt::format("has {} bytes, but its last tensor ends at byte {}", grouped(result.file->size()),
                                      grouped(data_start + end)),
                          kDamagedSafetensors});
  }
  return result;
}

std::vector<std::int64_t> read_i64_tensor(const SafetensorsFile& file, std::string_view name) {
  return read_elements<std::int64_t>(file, name, "I64");
}

std::vector<float> read_f32_tensor(const SafetensorsFile& file, std::string_view name) {
  return read_elements<float>(file, name, "F32");
}

}  // namespace gemring

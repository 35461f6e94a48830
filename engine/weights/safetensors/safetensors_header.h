// The JSON of a safetensors header: what it says, before it is compared with the file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

inline constexpr const char* kDamagedSafetensors = "the file is damaged or no safetensors file; download it again";

struct HeaderEntry {
  std::string name;
  std::string type;  // one of the format's types
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // from the start of the data
  std::uint64_t end = 0;
};

struct ParsedHeader {
  std::vector<HeaderEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Bytes of one element; 0 for a type that the format (as of safetensors 0.4) does not have.
std::uint64_t safetensors_element_bytes(std::string_view type);

/// Refuses what is no header: bad JSON or UTF-8, a key given twice, missing or unknown fields, figures that are no
/// natural numbers, unknown types. `path` is for the message. Throws ModelFileError.
ParsedHeader parse_safetensors_header(const std::string& path, std::string_view text);

}  // namespace gemring

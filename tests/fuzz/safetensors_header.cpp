#include <cstdint>
#include <string>

#include "engine/weights/safetensors/checkpoint.h"
#include "engine/weights/tensor_source.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/scratch.h"

namespace gemring::fuzz {
namespace {

/// The header with its length in front, and the data.
std::string whole_file(std::string_view bytes) {
  const std::string_view header = bytes.substr(0, bytes.find('\0'));
  const std::uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  file += header;
  if (header.size() < bytes.size()) file += bytes.substr(header.size() + 1);
  return file;
}

}  // namespace

void read_safetensors_header(std::string_view bytes) {
  static ScratchDirectory directory;
  const std::string file = bytes.starts_with('{') ? whole_file(bytes) : std::string(bytes);
  directory.put("model.safetensors", file);
  Attempts attempt;
  load_all(*open_checkpoint(directory.path()), file.size(), attempt);
  attempt.rethrow();
}

}  // namespace gemring::fuzz

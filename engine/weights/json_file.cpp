#include "engine/weights/json_file.h"

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/weights/file.h"

namespace gemring {

nlohmann::json read_json_object(const std::string& path, DuplicateKeys duplicates) {
  const std::string text = read_text_file(path);
  try {
    nlohmann::json parsed = parse_json(text, duplicates);
    if (parsed.is_object()) return parsed;
  } catch (const JsonTextError& error) {
    throw ModelFileError({path, error.what(), "download it again"});
  }
  throw ModelFileError({path, "holds no JSON object", "download it again"});
}

}  // namespace gemring

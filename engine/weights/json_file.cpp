#include "engine/weights/json_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "engine/base/error.h"
#include "engine/weights/file.h"

namespace gemring {
namespace {

using nlohmann::json;

constexpr int kDeepest = 64;  // nlohmann copies and prints by recursion; people's files have 3 or 4 levels

json parse(const std::string& path, const std::string& text, DuplicateKeys duplicates) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kDeepest) {
      throw ModelFileError({path, fmt::format("is nested deeper than {} levels", kDeepest), "download it again"});
    }
    if (duplicates == DuplicateKeys::last_wins) return true;
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      throw ModelFileError({path, fmt::format("names {} twice", value.get<std::string>()), "download it again"});
    }
    return true;
  };
  return json::parse(text, watch);
}

}  // namespace

json read_json_object(const std::string& path, DuplicateKeys duplicates) {
  const std::string text = read_text_file(path);
  try {
    // nlohmann takes a zero byte for the end of the text.
    if (const auto zero = text.find('\0'); zero != std::string::npos) {
      throw ModelFileError({path, fmt::format("holds a zero byte at byte {}", zero), "download it again"});
    }
    json parsed = parse(path, text, duplicates);
    if (parsed.is_object()) return parsed;
  } catch (const json::exception& error) {
    throw ModelFileError({path, fmt::format("is not valid JSON: {}", error.what()), "download it again"});
  }
  throw ModelFileError({path, "holds no JSON object", "download it again"});
}

}  // namespace gemring

#include "engine/weights/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace gemring {
namespace {

using nlohmann::json;

json parse_without_duplicates(std::string_view text) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      throw DuplicateKeyError(value.get<std::string>());
    }
    return true;
  };
  return json::parse(text, watch);
}

/// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...; last read: '...'": what was
/// read last may be long, and no UTF-8.
std::string problem_of(std::string_view what, bool one_line) {
  const std::string_view place = one_line ? "column " : "at line ";
  if (const auto begin = what.find(place); begin != std::string_view::npos) what.remove_prefix(begin);
  return std::string(what.substr(0, what.find("; last read")));
}

void require_not_deep(std::string_view text) {
  if (json_depth(text) <= kDeepestJson) return;
  throw JsonTextError(fmt::format("is nested deeper than {} levels", kDeepestJson));
}

}  // namespace

int json_depth(std::string_view text) {
  int depth = 0, deepest = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '"':
        for (++at; at < text.size() && text[at] != '"'; ++at) {
          if (text[at] == '\\') ++at;
        }
        break;
      case '[':
      case '{':
        deepest = std::max(deepest, ++depth);
        break;
      case ']':
      case '}':
        --depth;
        break;
      default:
        break;
    }
  }
  return deepest;
}

void require_json_object(std::string_view text) {
  require_not_deep(text);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // parsers skip a byte order mark
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || text[begin] != '{') throw JsonTextError("is no JSON object");
}

json parse_json(std::string_view text, DuplicateKeys duplicates) {
  if (const auto zero = text.find('\0'); zero != std::string_view::npos) {
    throw JsonTextError(fmt::format("holds a zero byte at byte {}", zero));
  }
  require_not_deep(text);
  try {
    return duplicates == DuplicateKeys::refuse ? parse_without_duplicates(text) : json::parse(text);
  } catch (const json::exception& error) {
    throw JsonTextError(
        fmt::format("is not valid JSON: {}", problem_of(error.what(), text.find('\n') == std::string_view::npos)));
  }
}

}  // namespace gemring

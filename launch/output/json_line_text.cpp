#include "launch/output/json_line_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace gemring {

std::string json_line_text(std::string_view value) {
  using Replacement = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Replacement, 3> kLineEnds = {
      Replacement{"\xc2\x85", "\\u0085"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}};
  const std::string json =
      nlohmann::json(value).dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
  std::string text;
  text.reserve(json.size());
  for (std::string_view rest = json; !rest.empty();) {
    const auto* const found = std::find_if(kLineEnds.begin(), kLineEnds.end(),
                                           [&](const Replacement& end) { return rest.starts_with(end.first); });
    const bool ends_line = found != kLineEnds.end();
    text += ends_line ? found->second : rest.substr(0, 1);
    rest.remove_prefix(ends_line ? found->first.size() : 1);
  }
  return text;
}

std::string valid_utf8(std::string_view value) {
  return nlohmann::json::parse(json_line_text(value)).get<std::string>();
}

}  // namespace gemring

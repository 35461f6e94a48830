#include "launch/json_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/error.h"
#include "launch/line_reader.h"

namespace gemring {

void answer_lines(int input, std::FILE* output, const std::function<std::string(std::string_view line)>& answer) {
  const auto require = [](bool written) {
    if (written) return;
    throw ResourceError({"standard output", fmt::format("cannot be written: {}", std::strerror(errno)), ""});
  };
  const auto flush = [&] { require(std::fflush(output) == 0); };
  LineReader reader(input, "standard input", [&] {
    flush();
    return true;
  });
  std::string line;
  for (std::size_t number = 1; reader.next(line); ++number) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::string text;
    try {
      text = answer(line);
    } catch (const Error& error) {
      flush();
      throw Error(error.code(),
                  {fmt::format("line {}: {}", number, error.text().where), error.text().problem, error.text().advice});
    }
    text += '\n';
    require(std::fwrite(text.data(), 1, text.size(), output) == text.size());
  }
  flush();
}

std::string json_text(std::string_view value) {
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

std::string json_ids(std::span<const TokenId> ids) {
  std::string text = "[";
  for (const TokenId id : ids) {
    if (text.size() > 1) text += ',';
    text += std::to_string(id.value());
  }
  return text + ']';
}

std::string text_of_line(std::string_view line) {
  nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto found = object.is_object() ? object.find("text") : object.end();
  if (!object.is_object() || found == object.end() || !found->is_string()) {
    throw UsageError({"standard input", "is no JSON object with a text as \"text\"", R"(write {"text": "..."})"});
  }
  return std::move(found->get_ref<std::string&>());
}

}  // namespace gemring

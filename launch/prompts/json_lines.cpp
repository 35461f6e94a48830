#include "launch/prompts/json_lines.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/error.h"
#include "engine/weights/json_text.h"
#include "launch/prompts/line_reader.h"

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
    if (is_blank(line)) continue;
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

std::string json_ids(std::span<const TokenId> ids) {
  std::string text = "[";
  for (const TokenId id : ids) {
    if (text.size() > 1) text += ',';
    text += std::to_string(id.value());
  }
  return text + ']';
}

std::string text_of_line(std::string_view line) {
  constexpr const char* kExample = R"(write {"text": "..."})";
  nlohmann::json object;
  try {
    object = parse_json(line);
  } catch (const JsonTextError& error) {
    throw UsageError({"standard input", error.what(), kExample});
  }
  const auto found = object.is_object() ? object.find("text") : object.end();
  if (!object.is_object() || found == object.end() || !found->is_string()) {
    throw UsageError({"standard input", "is no JSON object with a text as \"text\"", kExample});
  }
  return std::move(found->get_ref<std::string&>());
}

}  // namespace gemring

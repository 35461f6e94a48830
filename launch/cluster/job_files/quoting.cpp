#include "launch/cluster/job_files/quoting.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "engine/base/error.h"

namespace gemring {
namespace {

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool needs_no_quotes(const std::string& text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  return !text.empty() && text.find_first_not_of(plain) == std::string::npos;
}

}  // namespace

std::string shell_word(const std::string& text) {
  if (needs_no_quotes(text)) return text;
  const bool escaped = std::any_of(text.begin(), text.end(), is_control);
  std::string word = escaped ? "$'" : "'";
  for (const char c : text) {
    if (escaped && is_control(c)) {
      word += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
    } else if (c == '\'') {
      word += escaped ? "\\'" : "'\\''";
    } else if (escaped && c == '\\') {
      word += "\\\\";
    } else {
      word += c;
    }
  }
  word += '\'';
  return word;
}

std::string shell_line(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += ' ';
    line += shell_word(word);
  }
  return line;
}

std::string yaml_string(const std::string& text, const std::string& where) {
  // JSON's strings are YAML's, but for characters that JSON lets stand and YAML calls unprintable.
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> unprintable = {{{"\x7f", "\\x7F"},
                                                                                         {"\xe2\x80\xa8", "\\u2028"},
                                                                                         {"\xe2\x80\xa9", "\\u2029"},
                                                                                         {"\xef\xbb\xbf", "\\uFEFF"},
                                                                                         {"\xef\xbf\xbe", "\\uFFFE"},
                                                                                         {"\xef\xbf\xbf", "\\uFFFF"}}};
  std::string quoted;
  try {
    quoted = nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw UsageError({where, "is no UTF-8 text, and YAML holds nothing else", "put it into a file of the job's"});
  }
  std::string result;
  for (std::size_t i = 0; i < quoted.size();) {
    const std::string_view rest = std::string_view(quoted).substr(i);
    const auto* const found = std::find_if(unprintable.begin(), unprintable.end(),
                                           [&](const auto& pair) { return rest.starts_with(pair.first); });
    if (found != unprintable.end()) {
      result += found->second;
      i += found->first.size();
    } else if (rest[0] == '\xc2' && static_cast<unsigned char>(rest[1]) < 0xa0) {  // U+0080..U+009F
      result += fmt::format("\\x{:02X}", static_cast<unsigned char>(rest[1]));
      i += 2;
    } else {
      result += rest[0];
      ++i;
    }
  }
  return result;
}

std::string kubernetes_argument(const std::string& text) {
  std::string argument;
  for (const char c : text) argument.append(c == '$' ? 2 : 1, c);
  return argument;
}

std::string comment(std::string text) {
  std::replace_if(text.begin(), text.end(), is_control, '?');
  return text;
}

}  // namespace gemring

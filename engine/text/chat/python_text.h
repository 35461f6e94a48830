// The few methods of Python's str that chat templates call. All texts are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace gemring {

/// str.strip(), str.lstrip() and str.rstrip() without arguments: what str.isspace() holds for whitespace, U+001C to
/// U+001F, U+0085 and the Unicode spaces included. Jinja's filter `trim` is the first.
std::string_view python_strip(std::string_view text);
std::string_view python_lstrip(std::string_view text);
std::string_view python_rstrip(std::string_view text);

/// The same with a set of characters, which are ASCII.
std::string_view python_strip(std::string_view text, std::string_view characters);
std::string_view python_lstrip(std::string_view text, std::string_view characters);
std::string_view python_rstrip(std::string_view text, std::string_view characters);

/// text.split(mark)[0] and text.split(mark)[-1].
std::string_view before_first(std::string_view text, std::string_view mark);
std::string_view after_last(std::string_view text, std::string_view mark);

bool contains(std::string_view text, std::string_view part);

/// text.replace(part, "").
std::string without(std::string_view text, std::string_view part);

/// json.dumps(text, ensure_ascii=False), which is the filter `tojson` in transformers.
std::string python_json(std::string_view text);

}  // namespace gemring

// Texts in lines of JSON.
#pragma once

#include <string>
#include <string_view>

namespace gemring {

/// `value` as a JSON text in double quotes: UTF-8 as it is, but for what ends a line in some reader's eyes (U+0085,
/// U+2028, U+2029).
std::string json_line_text(std::string_view value);

/// `value` with the replacement character for what is no UTF-8, as names of files may hold it.
std::string valid_utf8(std::string_view value);

}  // namespace gemring

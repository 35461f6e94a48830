// Texts in lines of JSON.
#pragma once

#include <string>
#include <string_view>

namespace gemring {

/// `value` as a JSON text in double quotes: UTF-8 as it is, but for what ends a line in some reader's eyes (U+0085,
/// U+2028, U+2029).
std::string json_text(std::string_view value);

}  // namespace gemring

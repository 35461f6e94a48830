// Text within a JSON string.
#pragma once

#include <string>
#include <string_view>

namespace gemring {

/// `text` as it stands between the quotes of a JSON string, as Python's json.dumps(ensure_ascii=False) writes it. Bytes
/// that are no UTF-8 stay as they are.
std::string json_escaped(std::string_view text);

}  // namespace gemring

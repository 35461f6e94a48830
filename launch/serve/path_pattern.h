// Paths with an id in them, such as /v1/texts/{id}/select.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gemring {

/// What stands in a path in place of {id}, a name without slashes; "" where the pattern has none; nothing where the
/// path is another one.
std::optional<std::string> id_in(std::string_view path, std::string_view pattern);

}  // namespace gemring

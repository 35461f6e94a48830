// Who may ask what. Looked at before a body is read.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launch/serve/api/api_problem.h"
#include "launch/serve/http/http_message.h"

namespace gemring {

struct AccessRules {
  std::optional<std::string> key;          // Authorization: Bearer KEY or x-api-key: KEY, but for open paths
  std::vector<std::string> allowed_hosts;  // names, without ports, that Host may have beside addresses and localhost
  std::optional<std::string> cors_origin;  // whose pages may ask; "*": all
};

/// Nothing, or why not: 400 (no Host, or several), 403 (a Host that nobody allowed: a page of another site whose name
/// was made to mean this machine, DNS rebinding), 401 (no or another key), 415 (a body that is no application/json:
/// what a page of another site may post without being asked).
std::optional<ApiProblem> check_access(const AccessRules& rules, const HttpRequest& head);

/// Whether a path is told to those without a key too.
bool is_open_path(std::string_view path);

/// Equal, in a time that tells nothing but the length.
bool equal_secrets(std::string_view one, std::string_view other);

/// The headers by which a browser lets a page of `cors_origin` read an answer; none without one.
std::vector<std::pair<std::string, std::string>> cors_headers(const AccessRules& rules);

}  // namespace gemring

#include "launch/serve/access.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace gemring {
namespace {

/// "[::1]:8080" -> "::1", "localhost:8080" -> "localhost".
std::string host_without_port(std::string_view host) {
  if (host.starts_with('[')) return small_letters(host.substr(1, host.find(']') - 1));
  return small_letters(host.substr(0, host.rfind(':')));
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address = {};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

std::optional<ApiProblem> check_host(const AccessRules& rules, const HttpRequest& head) {
  if (head.count("host") != 1) {
    return ApiProblem{.message = fmt::format("a request has one Host header, this one {}", head.count("host"))};
  }
  const std::string host = host_without_port(*head.header("host"));
  const bool is_known = std::any_of(rules.allowed_hosts.begin(), rules.allowed_hosts.end(),
                                    [&](const std::string& allowed) { return small_letters(allowed) == host; });
  if (is_known || host == "localhost" || is_address(host)) return std::nullopt;
  return ApiProblem{.status = 403,
                    .message = fmt::format("the host \"{}\" is not this server's name; start it with --allowed-host {}",
                                           host.substr(0, 100), host.substr(0, 100)),
                    .type = "permission_error"};
}

std::optional<ApiProblem> check_key(const AccessRules& rules, const HttpRequest& head) {
  if (!rules.key || is_open_path(head.path)) return std::nullopt;
  constexpr std::string_view kBearer = "bearer ";
  std::string_view given = head.header("x-api-key").value_or("");
  const std::string_view authorization = head.header("authorization").value_or("");
  if (small_letters(authorization.substr(0, kBearer.size())) == kBearer) given = authorization.substr(kBearer.size());
  if (equal_secrets(given, *rules.key)) return std::nullopt;
  return ApiProblem{.status = 401,
                    .message = given.empty() ? "give the API key as Authorization: Bearer KEY, or as x-api-key"
                                             : "this is not the API key",
                    .type = "authentication_error",
                    .code = "invalid_api_key",
                    .headers = {{"WWW-Authenticate", "Bearer"}}};
}

std::optional<ApiProblem> check_body_type(const HttpRequest& head) {
  if (head.method != "POST") return std::nullopt;
  std::string type = small_letters(head.header("content-type").value_or(""));
  type.resize(std::min(type.size(), type.find_first_of("; \t")));
  if (type == "application/json") return std::nullopt;
  return ApiProblem{.status = 415, .message = "send a body of Content-Type: application/json"};
}

}  // namespace

bool is_open_path(std::string_view path) {
  return path == "/" || path == "/health" || path == "/v1/health";
}

bool equal_secrets(std::string_view one, std::string_view other) {
  if (one.size() != other.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < one.size(); ++i) difference |= static_cast<unsigned char>(one[i] ^ other[i]);
  return difference == 0;
}

std::optional<ApiProblem> check_access(const AccessRules& rules, const HttpRequest& head) {
  if (auto problem = check_host(rules, head)) return problem;
  if (head.method == "OPTIONS") return std::nullopt;  // a browser asks what it may ask, without a key
  if (auto problem = check_key(rules, head)) return problem;
  return check_body_type(head);
}

std::vector<std::pair<std::string, std::string>> cors_headers(const AccessRules& rules) {
  if (!rules.cors_origin) return {};
  return {{"Access-Control-Allow-Origin", *rules.cors_origin},
          {"Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"},
          {"Access-Control-Allow-Headers", "Authorization, Content-Type, X-Api-Key"},
          {"Vary", "Origin"}};
}

}  // namespace gemring

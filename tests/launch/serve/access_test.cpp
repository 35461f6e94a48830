#include "launch/serve/access.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The status of the refusal; 200: none.
int status_of(const AccessRules& rules, const HttpRequest& head) {
  const std::optional<ApiProblem> problem = check_access(rules, head);
  return problem ? problem->status : 200;
}

HttpRequest get(const std::string& path, const Headers& headers) {
  return {.method = "GET", .path = path, .headers = headers, .body = ""};
}

TEST(Access, AHostIsLocalAnAddressOrAllowed) {
  const AccessRules rules{.key = {}, .allowed_hosts = {"Gems.Example"}, .cors_origin = {}};
  for (const char* const host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "10.1.2.3:80", "[::1]", "[::1]:8080",
                                 "gems.example", "gems.example:443"}) {
    EXPECT_EQ(status_of(rules, get("/health", {{"host", host}})), 200) << host;
  }
  for (const char* const host : {"evil.example", "localhost.evil.example", "gems.example.evil", "127.0.0.1.nip.io", "",
                                 "[::1", "1.2.3.4.5", "256.1.1.1"}) {
    EXPECT_EQ(status_of(rules, get("/health", {{"host", host}})), std::string(host) == "[::1" ? 200 : 403) << host;
  }
  EXPECT_EQ(status_of(rules, get("/health", {})), 400);
  EXPECT_EQ(status_of(rules, get("/health", {{"host", "localhost"}, {"host", "localhost"}})), 400);
}

TEST(Access, AKeyIsWantedOfAllButOpenPaths) {
  const AccessRules rules{.key = "sesame", .allowed_hosts = {}, .cors_origin = {}};
  const auto with = [](const std::string& path, const std::string& name, const std::string& value) {
    return get(path, {{"host", "localhost"}, {name, value}});
  };
  EXPECT_EQ(status_of(rules, with("/v1/models", "authorization", "Bearer sesame")), 200);
  EXPECT_EQ(status_of(rules, with("/v1/models", "authorization", "bearer sesame")), 200);
  EXPECT_EQ(status_of(rules, with("/v1/models", "x-api-key", "sesame")), 200);
  EXPECT_EQ(status_of(rules, with("/v1/models", "authorization", "sesame")), 401);
  EXPECT_EQ(status_of(rules, with("/v1/models", "authorization", "Bearer sesam")), 401);
  EXPECT_EQ(status_of(rules, with("/v1/models", "x-api-key", "")), 401);
  EXPECT_EQ(status_of(rules, with("/metrics", "accept", "*/*")), 401);
  EXPECT_EQ(status_of(rules, with("/health", "accept", "*/*")), 200);
  EXPECT_EQ(status_of(rules, with("/health/../v1/models", "accept", "*/*")), 401);
}

TEST(Access, WhatAPageOfAnotherSiteMayPostUnaskedIsRefused) {
  HttpRequest post{.method = "POST", .path = "/v1/completions", .headers = {{"host", "localhost"}}, .body = ""};
  EXPECT_EQ(status_of({}, post), 415);
  for (const auto& [type, status] : {std::pair("text/plain", 415), std::pair("application/x-www-form-urlencoded", 415),
                                     std::pair("application/jsonp", 415), std::pair("application/json", 200),
                                     std::pair("Application/JSON; charset=utf-8", 200)}) {
    post.headers = {{"host", "localhost"}, {"content-type", type}};
    EXPECT_EQ(status_of({}, post), status) << type;
  }
}

TEST(Access, SecretsAreEqualOrNot) {
  EXPECT_TRUE(equal_secrets("abc", "abc"));
  EXPECT_FALSE(equal_secrets("abc", "abd"));
  EXPECT_FALSE(equal_secrets("abc", "ab"));
  EXPECT_TRUE(equal_secrets("", ""));
}

TEST(Access, CorsIsOffUnlessAnOriginIsNamed) {
  EXPECT_TRUE(cors_headers({}).empty());
  EXPECT_EQ(cors_headers({.key = {}, .allowed_hosts = {}, .cors_origin = "https://a.example"}).front().second,
            "https://a.example");
}

}  // namespace
}  // namespace gemring

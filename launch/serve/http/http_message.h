// A request of HTTP and the answer to it, as values: nothing in here knows of sockets.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gemring {

struct HttpRequest {
  std::string method;  // "POST"
  std::string path;    // without what stands behind a question mark
  /// In their order, names in small letters. A name may be there more than once.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  /// The first header of that name, given in small letters.
  std::optional<std::string_view> header(std::string_view name) const;
  std::size_t count(std::string_view name) const;
};

struct HttpReply {
  int status = 200;
  std::string body = {};
  std::string type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};  // besides type and length
};

/// Letters of ASCII.
std::string small_letters(std::string_view text);

/// "Not Found".
std::string_view reason_of(int status);

}  // namespace gemring

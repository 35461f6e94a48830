#include "launch/serve/page/page.h"

#include <fmt/format.h>

#include <random>
#include <string>
#include <string_view>

namespace gemring {

std::string_view page_text();  // page.html, made by CMake

HttpReply page() {
  std::random_device random;
  const std::string nonce = fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
  constexpr std::string_view kPlace = "{nonce}";
  std::string text(page_text());
  for (std::size_t at = text.find(kPlace); at != std::string::npos; at = text.find(kPlace, at))
    text.replace(at, kPlace.size(), nonce);
  const std::string policy = fmt::format(
      "default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; connect-src "
      "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      nonce);
  return {.body = std::move(text),
          .type = "text/html; charset=utf-8",
          .headers = {{"Content-Security-Policy", policy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-store"}}};
}

}  // namespace gemring

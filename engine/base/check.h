// Assertions: a failed one is a bug of ours, reported with the values that broke it.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace gemring {

/// Thrown by GEMRING_CHECK; `main` reports it as exit code 7 and asks for a bug report.
struct InternalError : std::logic_error {
  using std::logic_error::logic_error;
};

namespace detail {
[[noreturn]] inline void check_failed(const char* file, int line, const char* condition, const std::string& values) {
  throw InternalError(fmt::format("{}:{}: {} does not hold: {}", file, line, condition, values));
}
}  // namespace detail

}  // namespace gemring

/// GEMRING_CHECK(a.cols() == b.rows(), "a {}x{}, b {}x{}", ...): always on; keep it out of inner loops.
#define GEMRING_CHECK(condition, ...)                                                                            \
  do {                                                                                                           \
    if (!(condition)) ::gemring::detail::check_failed(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__)); \
  } while (false)

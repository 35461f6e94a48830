#include "launch/start/failure.h"

#include <fmt/format.h>

#include <new>

namespace gemring {

std::string failure_message(ExitCode code, const ErrorText& text, RankId rank, const std::string& host) {
  const std::string place = fmt::format("(rank {} on {}, exit {})", rank.value(), host, static_cast<int>(code));
  return fmt::format("gemring: {}: {}\n  {}{}\n", text.where, text.problem,
                     text.advice.empty() ? "" : text.advice + "      ", place);
}

Error as_error(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return *known;
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return ResourceError({"memory", "the system has no more memory for this process",
                          "use more ranks on other machines, a shorter prompt, or --kv-type bf16"});
  }
  return Error(ExitCode::internal,
               {"internal error", error.what(), "this is a bug, please report it with the command line"});
}

}  // namespace gemring

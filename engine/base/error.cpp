#include "engine/base/error.h"

#include <new>

namespace gemring {

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

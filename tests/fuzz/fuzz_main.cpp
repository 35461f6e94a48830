// One program per entry: libFuzzer brings main, the build names the entry.
#include <cstddef>
#include <cstdint>

#include "engine/base/check.h"
#include "tests/fuzz/entries.h"

namespace {

const gemring::fuzz::Entry& entry() {
  for (const auto& one : gemring::fuzz::entries()) {
    if (one.name == GEMRING_FUZZ_ENTRY) return one;
  }
  throw gemring::InternalError("no entry " GEMRING_FUZZ_ENTRY);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const gemring::fuzz::Entry& chosen = entry();
  gemring::fuzz::run(chosen, {reinterpret_cast<const char*>(data), size});
  return 0;
}

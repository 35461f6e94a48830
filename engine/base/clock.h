// The clock of measurements. Header only.
#pragma once

#include <chrono>

namespace gemring {

/// Seconds since some moment, by a clock that only goes forward.
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace gemring

// Progress on standard error: one line, written over itself.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "launch/options.h"

namespace gemring {

/// "filter   42 %   12 s left"; the estimate takes the rest to run as fast as what is done. Without an estimate
/// (nothing done yet) the time is left out.
std::string progress_text(std::string_view phase, double done, double total, double seconds);

/// "8 s", "3 min 5 s", "2 h 10 min".
std::string duration_text(double seconds);

class ProgressLine {
 public:
  explicit ProgressLine(ProgressMode mode);  // automatic: on where standard error is a terminal
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Writes at most five lines a second, and the first and the last of each phase.
  void update(std::string_view phase, double done, double total);

  /// Wipes the line, before other text goes to the terminal.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool on_;
  std::string phase_;
  Clock::time_point phase_start_;
  Clock::time_point last_write_;
  std::size_t width_ = 0;  // of what stands on the terminal now
};

}  // namespace gemring

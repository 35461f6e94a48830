// Progress on standard error: one line, written over itself.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "engine/base/mutex.h"
#include "launch/options/options.h"

namespace gemring {

/// "filter   42 %   12 s left"; the estimate takes the rest to run as fast as what is done. Without an estimate
/// (nothing done yet) the time is left out.
std::string progress_text(std::string_view phase, double done, double total, double seconds);

/// "8 s", "3 min 5 s", "2 h 10 min".
std::string duration_text(double seconds);

/// Threads may use one line at once.
class ProgressLine {
 public:
  explicit ProgressLine(ProgressMode mode);  // automatic: on where standard error is a terminal
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Writes at most five lines a second, and the first and the last of each phase.
  void update(std::string_view phase, double done, double total);

  /// The same of any text, which is asked for only where it is written; `now`: however short ago the last one was.
  void show(const std::function<std::string()>& text, bool now);

  /// Wipes the line, and keeps it away while `write` brings other text to the terminal.
  void make_way(const std::function<void()>& write);
  void clear() {
    make_way([] {});
  }

 private:
  bool due(bool now) GEMRING_REQUIRES(mutex_);
  void write(const std::string& text) GEMRING_REQUIRES(mutex_);

  using Clock = std::chrono::steady_clock;
  bool on_;
  Mutex mutex_;
  std::string phase_ GEMRING_GUARDED_BY(mutex_);
  Clock::time_point phase_start_ GEMRING_GUARDED_BY(mutex_);
  Clock::time_point last_write_ GEMRING_GUARDED_BY(mutex_);
  std::size_t width_ GEMRING_GUARDED_BY(mutex_) = 0;  // of what stands on the terminal now
};

}  // namespace gemring

#include "launch/output/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "engine/base/log.h"

namespace gemring {

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string progress_text(std::string_view phase, double done, double total, double seconds) {
  const double share = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 0.0;
  std::string text = fmt::format("{:<8}{:4.0f} %", phase, std::floor(share * 100));
  if (share > 0 && share < 1) text += fmt::format("   {} left", duration_text(seconds * (1 - share) / share));
  return text;
}

ProgressLine::ProgressLine(ProgressMode mode)
    : on_(mode == ProgressMode::always || (mode == ProgressMode::automatic && isatty(STDERR_FILENO) == 1)) {}

bool ProgressLine::due(bool now) {
  constexpr auto kInterval = std::chrono::milliseconds(200);
  const auto time = Clock::now();
  if (!now && time - last_write_ < kInterval) return false;
  last_write_ = time;
  return true;
}

void ProgressLine::write(const std::string& text) {
  log_raw(fmt::format("\r{:<{}}", text, width_));  // blanks over the rest of a longer line
  width_ = text.size();
}

void ProgressLine::update(std::string_view phase, double done, double total) {
  if (!on_) return;
  const MutexLock held(mutex_);
  const bool new_phase = phase != phase_;
  if (new_phase) {
    phase_ = phase;
    phase_start_ = Clock::now();
  }
  if (!due(new_phase || done >= total)) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - phase_start_).count();
  write(progress_text(phase, done, total, seconds));
}

void ProgressLine::show(const std::function<std::string()>& text, bool now) {
  if (!on_) return;
  const MutexLock held(mutex_);
  if (due(now)) write(text());
}

void ProgressLine::make_way(const std::function<void()>& write) {
  const MutexLock held(mutex_);
  if (width_ > 0) log_raw(fmt::format("\r{:{}}\r", "", width_));
  width_ = 0;
  write();
}

}  // namespace gemring

// The log: stderr, one line per event, with level, rank, host and phase. log.cpp is the only file that knows spdlog.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "engine/base/types.h"

namespace gemring {

enum class LogLevel { debug, info, warn, error, off };
enum class LogFormat { text, json };

struct LogOptions {
  LogLevel level = LogLevel::info;        // rank 0
  LogLevel other_ranks = LogLevel::warn;  // every other rank
  LogFormat format = LogFormat::text;
};

/// Call once per process, before the first message that matters. Until then: level info, no rank.
void configure_log(const LogOptions& options, RankId rank, std::string host);

/// The phase that later lines of this process carry ("load", "filter", "prefill", ...).
void set_log_phase(std::string_view phase);

bool log_enabled(LogLevel level);
void log_message(LogLevel level, std::string_view message);

/// A line on stderr whatever the level: the one error message of main, and progress.
void log_raw(std::string_view line);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::info)) log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::warn)) log_message(LogLevel::warn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::debug)) log_message(LogLevel::debug, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace gemring

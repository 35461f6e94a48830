#include "engine/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <memory>

#include "engine/base/json_escape.h"
#include "engine/base/mutex.h"
#include "engine/base/place.h"

namespace gemring {
namespace {

/// Two locks: whoever writes may wait for a reader of stderr, which must not hold up a thread that names its phase.
struct LogState {
  Mutex writing;
  Mutex mutex;
  LogFormat format GEMRING_GUARDED_BY(mutex) = LogFormat::text;
  std::string rank GEMRING_GUARDED_BY(mutex) = "-";
  std::string host GEMRING_GUARDED_BY(mutex) = "-";
  std::string phase GEMRING_GUARDED_BY(mutex) = "start";
  std::shared_ptr<spdlog::logger> logger = make_logger();

  static std::shared_ptr<spdlog::logger> make_logger() {
    auto logger = std::make_shared<spdlog::logger>("gemring", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");  // line_of() composes the line: JSON wants its own escaping
    logger->flush_on(spdlog::level::trace);
    return logger;
  }
};

LogState& state() {
  static LogState instance;
  return instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

const char* name(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
    case LogLevel::off:
      return "off";
  }
  return "off";
}

std::string timestamp() {  // RFC 3339, UTC, milliseconds
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, millis);
}

std::string line_of(LogState& log, LogLevel level, std::string_view message) {
  const MutexLock lock(log.mutex);
  if (log.format == LogFormat::text) {
    return fmt::format("{} {:<5} rank {} {} {}: {}", timestamp(), name(level), log.rank, log.host, log.phase, message);
  }
  return fmt::format(R"({{"ts":"{}","level":"{}","rank":{},"host":"{}","pid":{},"phase":"{}","msg":"{}"}})",
                     timestamp(), name(level), log.rank == "-" ? "null" : log.rank, json_escaped(log.host), getpid(),
                     json_escaped(log.phase), json_escaped(message));
}

}  // namespace

void configure_log(const LogOptions& options, RankId rank, std::string host) {
  LogState& log = state();
  const MutexLock lock(log.mutex);
  log.format = options.format;
  log.rank = fmt::format("{}", rank.value());
  log.host = std::move(host);
  log.logger->set_level(to_spdlog(rank == RankId(0) ? options.level : options.other_ranks));
}

void set_log_phase(std::string_view phase) {
  LogState& log = state();
  const MutexLock lock(log.mutex);
  log.phase = phase;
  mark_phase(phase);
}

bool log_enabled(LogLevel level) {
  return state().logger->should_log(to_spdlog(level));
}

void log_message(LogLevel level, std::string_view message) {
  const OutsideMark outside;  // whoever reads may be slow
  LogState& log = state();
  const std::string line = line_of(log, level, message);
  const MutexLock lock(log.writing);
  log.logger->log(to_spdlog(level), "{}", line);
}

void log_raw(std::string_view line) {
  const OutsideMark outside;
  const MutexLock lock(state().writing);
  fmt::print(stderr, "{}", line);
  std::fflush(stderr);
}

}  // namespace gemring

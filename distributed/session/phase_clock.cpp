#include "distributed/session/phase_clock.h"

#include <omp.h>

#include "distributed/comm/control.h"
#include "engine/base/log.h"
#include "engine/base/process.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

/// One rank's part of the report as it travels.
struct RankMessage {
  RankReport rank;
  std::vector<PhaseReport> phases;
};

template <class Archive>
void serialize_phase(Archive& archive, PhaseReport& phase) {
  archive& phase.name& phase.seconds& phase.wait_seconds& phase.bytes_sent;
}

}  // namespace
}  // namespace gemring

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, gemring::RankMessage& message, unsigned /*version*/) {
  archive& message.rank.host& message.rank.threads& message.rank.peak_rss_bytes;
  auto count = static_cast<std::uint32_t>(message.phases.size());
  archive& count;
  message.phases.resize(count);
  for (gemring::PhaseReport& phase : message.phases) gemring::serialize_phase(archive, phase);
}

}  // namespace boost::serialization

namespace gemring {

PhaseClock::PhaseClock(const Communicator& world) : world_(world), totals_at_start_(world.totals()) {}

void PhaseClock::begin(const std::string& name) {
  end();
  current_ = name;
  if (active_trace() != nullptr) active_trace()->begin_phase(name);
  phase_start_ = Clock::now();
  totals_at_start_ = world_.totals();
  set_log_phase(name);
}

void PhaseClock::end() {
  if (current_.empty()) return;
  if (active_trace() != nullptr) active_trace()->end_phase();
  const CommunicationTotals totals = world_.totals();
  phases_.push_back({.rank = RankId(world_.member()),
                     .name = current_,
                     .seconds = std::chrono::duration<double>(Clock::now() - phase_start_).count(),
                     .wait_seconds = totals.wait_seconds - totals_at_start_.wait_seconds,
                     .bytes_sent = totals.bytes_sent - totals_at_start_.bytes_sent});
  log_info("{} took {:.3f} s, {:.3f} s of it waiting, {} bytes sent", current_, phases_.back().seconds,
           phases_.back().wait_seconds, phases_.back().bytes_sent);
  current_.clear();
}

double PhaseClock::seconds_since_start() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

JobReport gather_reports(Communicator& world, const std::vector<PhaseReport>& own_phases) {
  const RankMessage own{{.rank = RankId(world.member()),
                         .host = host_name(),
                         .threads = omp_get_max_threads(),
                         .peak_rss_bytes = peak_rss_bytes()},
                        own_phases};
  JobReport report;
  std::int32_t rank = 0;
  for (RankMessage& message : all_gather_control(world, own)) {
    message.rank.rank = RankId(rank++);
    for (PhaseReport& phase : message.phases) {
      phase.rank = message.rank.rank;
      report.phases.push_back(std::move(phase));
    }
    report.ranks.push_back(std::move(message.rank));
  }
  return report;
}

}  // namespace gemring

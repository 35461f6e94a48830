#include "distributed/session/phase_clock.h"

#include <omp.h>

#include <algorithm>

#include "distributed/comm/control.h"
#include "engine/base/clock.h"
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
  archive& phase.name& phase.seconds& phase.wait_seconds& phase.bytes_sent& phase.transfer_seconds& phase
      .exposed_seconds;
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

PhaseClock::PhaseClock(const Communicator& world) : world_(world) {}

void PhaseClock::begin(const std::string& name) {
  if (current_ != kNone && phases_[current_].name == name) return;
  close();
  const auto same = std::find_if(phases_.begin(), phases_.end(), [&](const auto& phase) { return phase.name == name; });
  current_ = static_cast<std::size_t>(same - phases_.begin());
  if (same == phases_.end()) phases_.push_back({.rank = RankId(world_.member()), .name = name});
  if (active_trace() != nullptr) active_trace()->begin_phase(name);
  phase_start_ = steady_seconds();
  totals_at_start_ = world_.totals();
  set_log_phase(name);
}

void PhaseClock::add_wait(double seconds) {
  if (current_ != kNone) phases_[current_].wait_seconds += seconds;
}

void PhaseClock::close() {
  if (current_ == kNone) return;
  if (active_trace() != nullptr) active_trace()->end_phase();
  const CommunicationTotals totals = world_.totals();
  PhaseReport& phase = phases_[current_];
  phase.seconds += steady_seconds() - phase_start_;
  phase.wait_seconds += totals.wait_seconds - totals_at_start_.wait_seconds;
  phase.bytes_sent += totals.bytes_sent - totals_at_start_.bytes_sent;
  phase.transfer_seconds += totals.transfer_seconds - totals_at_start_.transfer_seconds;
  phase.exposed_seconds += totals.exposed_seconds - totals_at_start_.exposed_seconds;
  current_ = kNone;
}

void PhaseClock::end() {
  close();
  for (const PhaseReport& phase : phases_) {
    log_info("{} took {:.3f} s, {:.3f} s of it waiting, {} bytes sent, {:.0f} % of their time hidden", phase.name,
             phase.seconds, phase.wait_seconds, phase.bytes_sent, 100 * phase.hidden_share());
  }
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

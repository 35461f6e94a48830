// How long each phase took on this rank, how much of it was waiting, and what was sent.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/session/session.h"

namespace gemring {

class PhaseClock {
 public:
  explicit PhaseClock(const Communicator& world);

  /// Ends the phase under way and begins `name`, which log lines carry from here on.
  void begin(const std::string& name);
  void end();

  double seconds_since_start() const;
  const std::vector<PhaseReport>& phases() const { return phases_; }

 private:
  using Clock = std::chrono::steady_clock;

  const Communicator& world_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point phase_start_ = start_;
  CommunicationTotals totals_at_start_;
  std::string current_;
  std::vector<PhaseReport> phases_;
};

/// Phases and ranks of all, on every rank, in order of rank.
struct JobReport {
  std::vector<PhaseReport> phases;
  std::vector<RankReport> ranks;
};
JobReport gather_reports(Communicator& world, const std::vector<PhaseReport>& own_phases);

}  // namespace gemring

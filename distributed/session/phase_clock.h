// How long each phase took on this rank, how much of it was waiting, and what was sent.
#pragma once

#include <string>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/session/request.h"

namespace gemring {

/// With several requests phases come again and again; each name has one sum.
class PhaseClock {
 public:
  explicit PhaseClock(const Communicator& world);

  /// Ends the phase under way and begins `name`, which log lines carry from here on; or goes on where it is under way.
  void begin(const std::string& name);
  /// Of the phase under way: waiting that the communicator does not know of.
  void add_wait(double seconds);
  /// Ends the phase under way, and says to the log what all took.
  void end();

  const std::vector<PhaseReport>& phases() const { return phases_; }

 private:
  void close();

  const Communicator& world_;
  double phase_start_ = 0;
  CommunicationTotals totals_at_start_;
  std::size_t current_ = kNone;  // into phases_
  std::vector<PhaseReport> phases_;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
};

/// Collective: phases and ranks of all, on every rank.
JobReport gather_reports(Communicator& world, const std::vector<PhaseReport>& own_phases);

}  // namespace gemring

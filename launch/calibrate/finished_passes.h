// Passes of a calibration that are done, on disk: who is interrupted goes on there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/selection/calibration.h"

namespace gemring {

/// gemring's directory of the user's cache (profile_cache.h): calibrations/FINGERPRINT.part.
std::optional<std::string> finished_passes_path(const std::vector<std::string>& environment, std::uint64_t fingerprint);

/// One file, which is this run's alone as long as it lasts. What cannot be read or written costs a warning: the
/// calibration then cannot be resumed.
class FinishedPasses {
 public:
  /// Reads what a run of the same number left; what another one left, or a torn end, is removed. No path: none.
  FinishedPasses(const std::optional<std::string>& path, std::uint64_t run);
  ~FinishedPasses();
  FinishedPasses(const FinishedPasses&) = delete;
  FinishedPasses& operator=(const FinishedPasses&) = delete;

  std::size_t size() const { return passes_.size(); }
  bool has(std::int32_t window, std::int32_t prompt) const { return passes_.contains({window, prompt}); }
  /// Without answer and selections, which the caller knows. Requires: it is there; once.
  CalibrationCase take(std::int32_t window, std::int32_t prompt);
  void add(std::int32_t window, std::int32_t prompt, const CalibrationCase& pass);

  /// All is done: removes the file.
  void remove();

 private:
  void read();
  void give_up(const char* what);

  std::string path_;
  std::uint64_t run_;
  int descriptor_ = -1;  // -1: nothing is kept
  std::map<std::pair<std::int32_t, std::int32_t>, CalibrationCase> passes_;
};

}  // namespace gemring

// Many requests, a line of JSON for the result of each: `gemring generate --requests`.
#pragma once

#include <chrono>
#include <cstddef>
#include <set>
#include <string>

#include "engine/base/mutex.h"
#include "launch/output/progress.h"
#include "launch/requests/ordered_results.h"
#include "launch/requests/request_maker.h"
#include "launch/requests/request_reader.h"
#include "launch/requests/requests_report.h"
#include "launch/requests/shared_prompt.h"

namespace gemring {

/// Rank 0's side of the run. The requests' callbacks come from threads of the run; interrupted_report() and
/// cut_off() may be called by any.
class RequestRun {
 public:
  /// What all of them share, the caller's; it outlives this.
  struct Setting {
    const RequestInput& input;
    const RequestMaker& maker;
    const PlannedSession& planned;
    const Tokenizer* tokenizer = nullptr;  // nullptr: the model has none
    ProgressLine& progress;
    std::string model;         // its name, for the report
    std::string filter_model;  // of another one that filters; else empty
    std::int32_t parallel = 1;
    std::vector<OptionSetting> options = {};  // for the report
  };
  explicit RequestRun(Setting setting);

  RequestSource& source() { return reader_; }

  /// Behind the end of the run.
  RequestTotals totals() const;
  std::string report(const JobReport& job) const;
  void warn_of_unused() const;  // a prompt of the command line that no line was without

  /// Of a run that ends here: the JSON of what was done so far.
  std::string interrupted_report() const;

  /// Waits for the end of a line that is being written, if its reader takes no longer.
  void cut_off(std::chrono::milliseconds reader_may_take);

 private:
  GenerationRequest make(std::string_view text, RequestPlace& place);
  void warn(const RequestPlace& place, const std::string& warning);
  void accept(const RequestPlace& place, GenerationRequest& request);
  void end(const RequestPlace& place, const ReportHead& head, const GenerationResult& result);
  void fail(const RequestPlace& place, const Error& error);
  void put(const RequestPlace& place, std::string line);
  void show(bool now);

  Setting setting_;
  std::size_t all_;  // lines, 0 where nobody knows
  double begin_;

  TimedMutex writing_;  // held while whoever reads the results does not
  OrderedResults results_ GEMRING_GUARDED_BY(writing_);

  mutable Mutex mutex_;
  RequestTotals totals_ GEMRING_GUARDED_BY(mutex_);

  std::set<std::string> warned_;  // of the reader's thread
  SharedPrompt shared_prompt_;    // the same

  RequestReader reader_;  // last: its thread begins at once
};

}  // namespace gemring

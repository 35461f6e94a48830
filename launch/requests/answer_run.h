// One request whose answer goes to standard output as text while it comes: `gemring generate` without --requests.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/mutex.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/output/progress.h"
#include "launch/output/report.h"
#include "launch/output/text_output.h"
#include "launch/requests/one_request.h"

namespace gemring {

/// Rank 0's side of the run. The request's callbacks come from threads of the run; interrupted_report() and
/// cut_off() may be called by any.
class AnswerRun {
 public:
  /// `tokenizer` may be nullptr: ids are written then. It and `progress` are the caller's and outlive this.
  AnswerRun(GenerationRequest request, const Tokenizer* tokenizer, ProgressLine& progress, ReportHead head);

  RequestSource& source() { return source_; }

  /// The answer's own figures with the run's phases and ranks. Behind the end of the run.
  GenerationResult result(const JobReport& job) const;

  /// The JSON of it.
  std::string report(const GenerationResult& result) const;

  /// Of a run that ends here: the JSON of what is known.
  std::string interrupted_report() const;

  /// A newline behind what came of the answer, once. Left out where its reader does not read for so long.
  void cut_off(std::chrono::milliseconds reader_may_take);

 private:
  GenerationRequest with_callbacks(GenerationRequest request);

  const Tokenizer* tokenizer_;
  ProgressLine& progress_;
  ReportHead head_;
  std::vector<TokenId> prompt_;

  TimedMutex writing_;  // held while whoever reads the output does not
  TextOutput output_ GEMRING_GUARDED_BY(writing_);

  mutable Mutex mutex_;
  GenerationResult result_ GEMRING_GUARDED_BY(mutex_);

  OneRequest source_;  // last: its request calls back into the others
};

}  // namespace gemring

// The cases of one method on their way: made when their turn comes, answered by a session, written down.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "distributed/session/request_source.h"
#include "engine/base/mutex.h"
#include "launch/eval/case_maker.h"
#include "launch/eval/case_plan.h"
#include "launch/eval/result_folder.h"
#include "launch/requests/request_maker.h"

namespace gemring {

/// Rank 0's side of the run. At most `parallel` cases are in flight: with one, the seconds of each are its own.
class EvalRun final : public RequestSource {
 public:
  /// The caller's; it outlives this.
  struct Setting {
    const CaseMaker& cases;
    const RequestMaker& requests;
    const Tokenizer& tokenizer;
    ResultFolder& folder;
    std::string method;
    std::int32_t parallel = 1;
    std::optional<FilterVocabulary> filter_vocabulary = {};  // of a method whose filter has another one
    std::function<void(const PlannedCase&)> on_done = {};    // from a thread of the run, behind each case
  };
  EvalRun(Setting setting, std::vector<PlannedCase> cases);

  std::optional<GenerationRequest> next() override;
  bool ended() override;
  void wake_with(std::function<void()> wake) override;

  /// Cases without an answer; the log says why. They are not written down, so that another run asks them again.
  std::size_t failed() const;

 private:
  /// The case in words of the model that filters, by which it is cut and its recall is told.
  GenerationRequest request_of_two(const FilterVocabulary& filter, const RequestLine& line, FittedCase& made) const;
  void end(const PlannedCase& one, const FittedCase& made, const GenerationResult& result);

  Setting setting_;
  std::vector<PlannedCase> cases_;
  std::size_t next_ = 0;  // of cases_; the coordinator's alone

  mutable Mutex mutex_;
  std::int32_t in_flight_ GEMRING_GUARDED_BY(mutex_) = 0;
  std::size_t failed_ GEMRING_GUARDED_BY(mutex_) = 0;
  std::function<void()> wake_ GEMRING_GUARDED_BY(mutex_);
};

/// The share of `answer_tokens` that are among `kept`, both ascending; nothing where there are none.
std::optional<double> recall_of(const std::vector<OriginalPosition>& answer_tokens,
                                const std::vector<OriginalPosition>& kept);

}  // namespace gemring

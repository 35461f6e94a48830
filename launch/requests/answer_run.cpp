#include "launch/requests/answer_run.h"

#include <utility>

namespace gemring {

AnswerRun::AnswerRun(GenerationRequest request, const Tokenizer* tokenizer, ProgressLine& progress, ReportHead head)
    : tokenizer_(tokenizer),
      progress_(progress),
      head_(std::move(head)),
      prompt_(request.prompt),
      output_(tokenizer, progress, head_.stop),
      source_(with_callbacks(std::move(request))) {}

GenerationRequest AnswerRun::with_callbacks(GenerationRequest request) {
  {
    const MutexLock held(mutex_);
    result_.prompt_tokens = static_cast<std::int32_t>(request.prompt.size());
  }
  request.on_token = [this](TokenId id) {
    {
      const MutexLock held(mutex_);
      result_.generated_ids.push_back(id);
    }
    const MutexLock held(writing_);
    output_.push(id);
  };
  request.on_end = [this](const GenerationResult& result) {
    {
      const MutexLock held(mutex_);
      result_ = result;
    }
    const MutexLock held(writing_);
    output_.finish();  // here, so that no line of the log comes between the answer and its end
  };
  request.on_progress = [this](std::string_view phase, double done, double total) {
    progress_.update(phase, done, total);
  };
  return request;
}

GenerationResult AnswerRun::result(const JobReport& job) const {
  const MutexLock held(mutex_);
  GenerationResult result = result_;
  result.phases = job.phases;
  result.ranks = job.ranks;
  return result;
}

std::string AnswerRun::report(const GenerationResult& result) const {
  return generation_report(result, prompt_, tokenizer_, head_);
}

std::string AnswerRun::interrupted_report() const {
  const MutexLock held(mutex_);
  ReportHead head = head_;
  head.interrupted = true;
  return generation_report(result_, prompt_, tokenizer_, head);
}

void AnswerRun::cut_off(std::chrono::milliseconds reader_may_take) {
  if (!writing_.try_lock_for(reader_may_take)) return;
  const MutexLock held(writing_, std::adopt_lock);
  output_.cut_off();
}

}  // namespace gemring

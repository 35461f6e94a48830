#include "launch/eval/eval_run.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "engine/base/log.h"
#include "launch/output/text_output.h"

namespace gemring {

std::optional<double> recall_of(const std::vector<OriginalPosition>& answer_tokens,
                                const std::vector<OriginalPosition>& kept) {
  if (answer_tokens.empty()) return std::nullopt;
  const auto found = std::count_if(answer_tokens.begin(), answer_tokens.end(), [&](OriginalPosition token) {
    return std::binary_search(kept.begin(), kept.end(), token);
  });
  return static_cast<double>(found) / static_cast<double>(answer_tokens.size());
}

EvalRun::EvalRun(Setting setting, std::vector<PlannedCase> cases)
    : setting_(std::move(setting)), cases_(std::move(cases)) {}

std::optional<GenerationRequest> EvalRun::next() {
  {
    const MutexLock held(mutex_);
    if (next_ == cases_.size() || in_flight_ == setting_.parallel) return std::nullopt;
    ++in_flight_;
  }
  const PlannedCase& one = cases_[next_++];
  const auto made = std::make_shared<FittedCase>(setting_.cases.make(*one.task, one.shape, one.max_new_tokens));
  RequestLine line = setting_.requests.defaults();
  line.generate.max_new_tokens = one.max_new_tokens;
  GenerationRequest request = setting_.filter_vocabulary ? request_of_two(*setting_.filter_vocabulary, line, *made)
                                                         : setting_.requests.make(made->prompt, line);
  request.on_end = [this, &one, made](const GenerationResult& result) { end(one, *made, result); };
  return request;
}

GenerationRequest EvalRun::request_of_two(const FilterVocabulary& filter, const RequestLine& line,
                                          FittedCase& made) const {
  using Side = PromptInTwoVocabularies::Side;
  PromptText text = prompt_text_of(made.content, filter.chat);
  const auto prompt = std::make_shared<const PromptInTwoVocabularies>(Side{text, filter.tokenizer},
                                                                      Side{made.text, setting_.tokenizer});
  GenerationRequest request = setting_.requests.make(prompt, line);
  if (request.reading) made.answer_tokens = answer_tokens_of(made.content, text, prompt->of_filter().ends);
  return request;
}

bool EvalRun::ended() {
  return next_ == cases_.size();
}

void EvalRun::wake_with(std::function<void()> wake) {
  const MutexLock held(mutex_);
  wake_ = std::move(wake);
}

std::size_t EvalRun::failed() const {
  const MutexLock held(mutex_);
  return failed_;
}

void EvalRun::end(const PlannedCase& one, const FittedCase& made, const GenerationResult& result) {
  if (result.error) {
    log_warn("{} by {} has no answer: {}; {}", one.id, setting_.method, result.error->what(),
             result.error->text().advice);
  } else {
    const std::string answer = answer_text(result.generated_ids, &setting_.tokenizer, {});
    setting_.folder.append({.id = one.id,
                            .method = setting_.method,
                            .task = one.task->name,
                            .category = one.task->category,
                            .length = one.shape.length,
                            .depth = one.depth(),
                            .sample = one.shape.sample,
                            .seed = one.shape.seed,
                            .prompt_tokens = result.prompt_tokens,
                            .kept = result.read_tokens,
                            .recall = recall_of(made.answer_tokens, result.kept),
                            .score = score_of(answer, made.content.answers, one.task->any_answer),
                            .answer = answer,
                            .references = made.content.answers,
                            .first_token_seconds = result.time_to_first_token_seconds,
                            .filter_seconds = result.filter_seconds,
                            .seconds = result.seconds});
    if (setting_.on_done) setting_.on_done(one);
  }
  const MutexLock held(mutex_);
  --in_flight_;
  failed_ += result.error ? 1 : 0;
  if (wake_) wake_();
}

}  // namespace gemring

#include "distributed/session/coordinator.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/place.h"

namespace gemring {
namespace {

// Between two looks at messages from other ranks: short at first, so that a small model's next token is seen at once.
constexpr double kShortestSleep = 5e-6;
constexpr double kLongestSleep = 500e-6;

CompressedPrompt everything(std::span<const TokenId> prompt) {
  CompressedPrompt whole{{}, {prompt.begin(), prompt.end()}};
  for (std::size_t i = 0; i < prompt.size(); ++i) whole.kept.emplace_back(i);
  return whole;
}

}  // namespace

Coordinator::Coordinator(Communicator& world, const ClusterPlan& plan, std::int32_t vocab, RequestSource& source,
                         const RunLimits& limits)
    : world_(world),
      plan_(plan),
      vocab_(static_cast<std::size_t>(vocab)),
      source_(source),
      wanted_rows_(limits.wanted_rows),
      scheduler_({.sequences = limits.sequences, .stages = static_cast<std::int32_t>(plan.stages.size())}),
      announcer_(world, plan) {}

void Coordinator::run() {
  const DrivingThread drives(DrivingThread::Role::planner);
  source_.wake_with([this] { wake(); });
  try {
    run_all();
  } catch (...) {
    failure_ = std::current_exception();
    own_.put({});  // Kind::end
  }
  source_.wake_with({});
}

void Coordinator::rethrow() const {
  if (failure_) std::rethrow_exception(failure_);
}

void Coordinator::run_all() {
  while (!stopped()) {
    do {
      while (const auto step = scheduler_.next()) begin(*step);
    } while (take_up());
    if (all_over()) break;  // asked behind next(), which may have refused the last of what there was
    const bool news = take_events();
    if (end_steps() || news) {
      idle_sleep_ = kShortestSleep;
      mark_waiting(kNobody);
      mark_progress();
      continue;
    }
    wait_for_events();
  }
  if (stopped()) return;
  hand_out({.kind = Work::Kind::end}, nullptr);
}

void Coordinator::stop() {
  {
    const std::lock_guard held(mutex_);
    stop_ = true;
  }
  happened_.notify_one();
}

void Coordinator::wake() {
  {
    const std::lock_guard held(mutex_);
    source_changed_ = true;
  }
  happened_.notify_one();
}

bool Coordinator::stopped() {
  const std::lock_guard held(mutex_);
  return stop_;
}

void Coordinator::wait_for_events() {
  const bool ended = source_.ended();
  std::unique_lock held(mutex_);
  const auto any = [&] { return stop_ || source_changed_ || !filtered_.empty() || !computed_.empty(); };
  const bool messages_come =
      std::any_of(steps_.begin(), steps_.end(), [](const Step& step) { return !step.own_part_open; });
  std::optional<OutsideMark> for_requests;  // idle by design only where another request may come
  if (scheduler_.all_over() && !ended) for_requests.emplace();
  mark_waiting(messages_come ? plan_.stages.back().ranks.front().value() : kOwnWorker);
  if (!messages_come) return happened_.wait(held, any);
  happened_.wait_for(held, std::chrono::duration<double>(idle_sleep_), any);
  idle_sleep_ = std::min(idle_sleep_ * 1.25, kLongestSleep);
}

void Coordinator::filtered(SequenceId sequence, std::vector<float> scores, CompressedPrompt compressed) {
  {
    const std::lock_guard held(mutex_);
    filtered_.push_back({sequence, std::move(scores), std::move(compressed)});
  }
  happened_.notify_one();
}

void Coordinator::computed(std::uint64_t step) {
  {
    const std::lock_guard held(mutex_);
    computed_.push_back(step);
  }
  happened_.notify_one();
}

bool Coordinator::take_events() {
  std::deque<Filtered> filtered;
  std::deque<std::uint64_t> computed;
  bool source_changed = false;
  {
    const std::lock_guard held(mutex_);
    filtered.swap(filtered_);
    computed.swap(computed_);
    source_changed = std::exchange(source_changed_, false);
  }
  for (Filtered& one : filtered) {
    Request& request = requests_.at(one.sequence);
    request.result.scores = std::move(one.scores);
    request.result.filter_seconds = steady_seconds() - request.begin;
    request.compressed = std::move(one.compressed);
    scheduler_.filtered(one.sequence);
  }
  for (const std::uint64_t id : computed) {
    const auto step = std::find_if(steps_.begin(), steps_.end(), [&](const Step& other) { return other.id == id; });
    GEMRING_CHECK(step != steps_.end(), "step {} is not under way", id);
    step->own_part_open = false;
  }
  return source_changed || !filtered.empty() || !computed.empty();
}

void Coordinator::begin(const Scheduler::Step& step) {
  switch (step.kind) {
    case Scheduler::Kind::filter:
      return begin_filter(step.requests.front());
    case Scheduler::Kind::prefill:
      return begin_prefill(step.requests.front());
    case Scheduler::Kind::decode:
      return begin_decode(step.requests);
  }
}

bool Coordinator::take_up() {
  if (!scheduler_.has_room()) return false;
  std::optional<GenerationRequest> next = source_.next();
  if (!next) return false;
  auto request = std::make_shared<const GenerationRequest>(*std::move(next));
  const auto tokens = static_cast<std::int32_t>(request->prompt.size());
  const bool filters = plan_.method == Method::gemfilter && !request->selection.keeps_everything(tokens);
  requests_[scheduler_.add(filters)].request = std::move(request);
  return true;
}

/// To every rank, this one included.
void Coordinator::hand_out(Work work, Step* step) {
  work.finished = std::exchange(finished_, {});
  announcer_.announce(work);
  OwnWork own{.work = std::move(work)};
  if (own.work.kind == Work::Kind::filter || own.work.kind == Work::Kind::prefill) {
    own.request = requests_.at(own.work.sequence).request;
  }
  if (step != nullptr) {
    if (step->own_part_open) own.step = step->id;
    own.logits = step->logits.span();
  }
  own_.put(std::move(own));
}

void Coordinator::begin_filter(SequenceId sequence) {
  Request& request = requests_.at(sequence);
  request.begin = steady_seconds();
  hand_out({.kind = Work::Kind::filter,
            .sequence = sequence,
            .prompt_tokens = static_cast<std::int32_t>(request.request->prompt.size())},
           nullptr);
}

void Coordinator::begin_prefill(SequenceId sequence) {
  Request& request = requests_.at(sequence);
  if (request.compressed.ids.empty()) {  // without a first pass
    request.begin = steady_seconds();
    request.compressed = everything(request.request->prompt);
  }
  const auto tokens = static_cast<std::int32_t>(request.compressed.ids.size());
  const GlobalPosition wanted_from(tokens - std::min(tokens, wanted_rows_));

  Step& step = steps_.emplace_back();
  step.id = next_step_++;
  step.sequences = {sequence};
  step.prefill = true;
  step.logits = Buffer<float>(static_cast<std::size_t>(tokens - wanted_from.value()) * vocab_);
  step.own_part_open = plan_.stage_of(RankId(0)) == plan_.stages.size() - 1;
  step.of_prefill.emplace(world_, plan_, tokens, wanted_from, step.logits.span(), vocab_);
  hand_out({.kind = Work::Kind::prefill,
            .sequence = sequence,
            .options = {tokens, request.request->stop.max_new_tokens, wanted_from},
            .compressed = request.compressed},
           &step);
}

void Coordinator::begin_decode(const std::vector<SequenceId>& sequences) {
  Step& step = steps_.emplace_back();
  step.id = next_step_++;
  step.sequences = sequences;
  step.logits = Buffer<float>(sequences.size() * vocab_);
  const RankId sender = plan_.stages.back().ranks.front();
  step.own_part_open = sender == RankId(0);
  if (!step.own_part_open) step.of_decode = receive(world_, step.logits.span(), sender.value(), MessageKind::logits);
  Work work{.kind = Work::Kind::decode};
  for (const SequenceId sequence : sequences) {
    const Request& request = requests_.at(sequence);
    work.rows.push_back({sequence, last_position(request), request.result.generated_ids.back()});
  }
  hand_out(std::move(work), &step);
}

bool Coordinator::end_steps() {
  bool any = false;
  for (auto step = steps_.begin(); step != steps_.end();) {
    const bool all_there =
        !step->own_part_open && step->of_decode.done() && (!step->of_prefill.has_value() || step->of_prefill->done());
    if (!all_there) {
      ++step;
      continue;
    }
    if (step->prefill)
      end_prefill(*step);
    else
      end_decode(*step);
    step = steps_.erase(step);
    any = true;
  }
  return any;
}

void Coordinator::end_prefill(Step& step) {
  const SequenceId sequence = step.sequences.front();
  Request& request = requests_.at(sequence);
  const GenerationRequest& asked = *request.request;
  GenerationResult& result = request.result;
  result.prompt_tokens = static_cast<std::int32_t>(asked.prompt.size());
  result.kept = std::move(request.compressed.kept);
  request.first_token = steady_seconds();
  result.time_to_first_token_seconds = request.first_token - request.begin;
  result.prefill_tokens_per_second = result.prompt_tokens / result.time_to_first_token_seconds;
  bool over = true;
  if (asked.stop.max_new_tokens == 0) {
    result.logits.assign(step.logits.span().begin(), step.logits.span().end());
    end_request(sequence);
  } else {
    request.sampler.emplace(asked.sampling, vocab_);
    request.sampler->set_known_tokens(asked.known_tokens > 0 ? asked.known_tokens : vocab_, asked.unknown_tokens);
    request.sampler->accept(asked.prompt);
    over = take_token(sequence, step.logits.span());
  }
  scheduler_.prefilled(sequence, over);
}

void Coordinator::end_decode(Step& step) {
  scheduler_.decode_step_ended();
  for (std::size_t row = 0; row < step.sequences.size(); ++row) {
    const bool over = take_token(step.sequences[row], step.logits.span().subspan(row * vocab_, vocab_));
    scheduler_.decoded(step.sequences[row], over);
  }
}

GlobalPosition Coordinator::last_position(const Request& request) {
  return GlobalPosition(request.compressed.ids.size() + request.result.generated_ids.size() - 1);
}

bool Coordinator::take_token(SequenceId sequence, std::span<float> logits) {
  Request& request = requests_.at(sequence);
  const GenerationRequest& asked = *request.request;
  GenerationResult& result = request.result;
  const TokenId token = request.sampler->sample(logits, last_position(request) + 1);
  request.sampler->accept({&token, 1});
  result.generated_ids.push_back(token);
  if (asked.on_token) asked.on_token(token);
  result.stop_reason = asked.stop.check(token, static_cast<std::int32_t>(result.generated_ids.size()));
  if (result.stop_reason == StopReason::none) return false;
  end_request(sequence);
  return true;
}

void Coordinator::end_request(SequenceId sequence) {
  Request& request = requests_.at(sequence);
  GenerationResult& result = request.result;
  const double now = steady_seconds();
  result.seconds = now - request.begin;
  const auto behind_first = static_cast<double>(result.generated_ids.size()) - 1;
  if (behind_first > 0) result.decode_tokens_per_second = behind_first / (now - request.first_token);
  finished_.push_back(sequence);
  const auto asked = request.request;
  GenerationResult ended = std::move(result);
  requests_.erase(sequence);
  if (asked->on_end) asked->on_end(std::move(ended));
}

}  // namespace gemring

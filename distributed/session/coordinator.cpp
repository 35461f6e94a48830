#include "distributed/session/coordinator.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/place.h"

namespace gemring {
namespace {

// Between two looks at messages from other ranks: short at first, so that a small model's next token is seen at once.
constexpr double kShortestSleep = 5e-6;
constexpr double kLongestSleep = 500e-6;

}  // namespace

Coordinator::Coordinator(Communicator& world, const ClusterPlan& plan, const ModelSize& model, RequestSource& source,
                         const RunLimits& limits, EventQueue& events)
    : world_(world),
      plan_(plan),
      model_(model),
      vocab_(static_cast<std::size_t>(model.vocab)),
      source_(source),
      wanted_rows_(limits.wanted_rows),
      events_(events),
      scheduler_({.sequences = limits.sequences, .stages = static_cast<std::int32_t>(plan.stages.size())}),
      broadcaster_(world, plan) {
  if (model_.index) texts_.emplace(*model_.index);
}

void Coordinator::run() {
  const DrivingThread drives(DrivingThread::Role::coordinator);
  source_.wake_with([this] { wake(); });
  events_.wake_with([this] { wake(); });
  try {
    run_all();
  } catch (...) {
    failure_ = std::current_exception();
    local_.close();
  }
  events_.wake_with({});
  source_.wake_with({});
  for (const auto& [sequence, active] : active_) {
    if (active.request->cancel) active.request->cancel->wake_with({});
  }
}

void Coordinator::rethrow_failure() const {
  if (failure_) std::rethrow_exception(failure_);
}

void Coordinator::rethrow_of_source() const {
  if (source_failure_) std::rethrow_exception(source_failure_);
}

void Coordinator::run_all() {
  while (!stopped()) {
    do {
      while (const auto choice = scheduler_.next()) begin(*choice);
    } while (admit_request());
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
  const Step shutdown{.kind = Step::Kind::shutdown, .id = next_step_++};
  broadcaster_.broadcast(shutdown);
  local_.put({.step = shutdown});
}

bool Coordinator::source_ended() {
  if (source_failure_) return true;
  try {
    return source_.ended();
  } catch (...) {
    source_failure_ = std::current_exception();
    return true;
  }
}

bool Coordinator::admit_request() {
  if (source_failure_ || !scheduler_.has_room() || !events_.has_room()) return false;
  std::optional<GenerationRequest> next;
  try {
    next = source_.next();
  } catch (...) {
    source_failure_ = std::current_exception();
  }
  if (!next) return false;
  const auto request = std::make_shared<const GenerationRequest>(*std::move(next));
  GenerationResult result;
  result.prompt_tokens = static_cast<std::int32_t>(request->prompt.size());
  if (request->refused) {
    result.stop_reason = StopReason::failed;
    result.error = request->refused;
    events_.push({request, std::move(result)});
    return true;
  }
  const bool filters = plan_.method == Method::gemfilter && request->is_filtered();
  const std::int32_t kept = filters ? request->selection.keep : result.prompt_tokens;
  Active active;
  active.request = request;
  active.result = std::move(result);
  active.chunks = plan_.chunks(kept);
  if (filters) active.filter_steps = model_.filter_steps(active.result.prompt_tokens, 0);
  const double filter_cost = static_cast<double>(request->prompt.size()) * model_.filter_layers;
  const SequenceId sequence = scheduler_.add({.filter_steps = active.filter_steps,
                                              .filter_step_cost = filter_cost / std::max(active.filter_steps, 1),
                                              .prefill_steps = static_cast<std::int32_t>(active.chunks.size())});
  const bool ends_at_once = request->only_filters && !filters;
  active_.emplace(sequence, std::move(active));
  if (ends_at_once) {
    end_unfiltered(sequence);
    return true;
  }
  if (request->cancel) {
    request->cancel->wake_with([this] { wake(); });
    if (request->cancel->cancelled()) end_early(sequence, StopReason::cancelled);
  }
  return true;
}

void Coordinator::stop() {
  {
    const MutexLock held(mutex_);
    stop_ = true;
  }
  local_.close();
  happened_.notify_one();
}

void Coordinator::wake() {
  {
    const MutexLock held(mutex_);
    woken_ = true;
  }
  happened_.notify_one();
}

bool Coordinator::stopped() {
  const MutexLock held(mutex_);
  return stop_;
}

void Coordinator::wait_for_events() {
  const bool ended = source_ended();
  const bool messages_come =
      std::any_of(under_way_.begin(), under_way_.end(), [](const StepUnderWay& step) { return !step.own_part_open; });
  // Idle by design only where another request may come.
  std::optional<OutsideMark> for_requests;
  if (scheduler_.all_over() && !ended) for_requests.emplace();
  mark_waiting(messages_come ? plan_.stages.back().ranks.front().value() : kOwnWorker);
  const MutexLock held(mutex_);
  while (!stop_ && !woken_ && filtered_.empty() && computed_.empty()) {
    if (!messages_come) {
      happened_.wait(mutex_);
      continue;
    }
    happened_.wait_for(mutex_, idle_sleep_);
    idle_sleep_ = std::min(idle_sleep_ * 1.25, kLongestSleep);
    return;
  }
}

void Coordinator::filtered(SequenceId sequence, FilterOutcome outcome) {
  const MutexLock held(mutex_);
  filtered_.emplace_back(sequence, std::move(outcome));
}

void Coordinator::computed(std::uint64_t step) {
  {
    const MutexLock held(mutex_);
    computed_.push_back(step);
  }
  happened_.notify_one();
}

bool Coordinator::take_events() {
  std::deque<std::pair<SequenceId, FilterOutcome>> filtered;
  std::deque<std::uint64_t> computed;
  bool woken = false;
  {
    const MutexLock held(mutex_);
    filtered.swap(filtered_);
    computed.swap(computed_);
    woken = std::exchange(woken_, false);
  }
  for (auto& [sequence, outcome] : filtered) {
    Active& active = active_.at(sequence);
    active.result.scores = std::move(outcome.scores);
    if (!active.ending) active.result.error = std::move(outcome.error);
    active.compressed = std::move(outcome.compressed);
    if (!active.request->reading || active.compressed.ids.empty()) continue;
    active.chunks = plan_.chunks(static_cast<std::int32_t>(active.compressed.ids.size()));
    scheduler_.set_prefill_steps(sequence, static_cast<std::int32_t>(active.chunks.size()));
  }
  for (const std::uint64_t id : computed) {
    const auto step = std::find_if(under_way_.begin(), under_way_.end(), [&](const auto& one) { return one.id == id; });
    GEMRING_CHECK(step != under_way_.end(), "step {} is not under way", id);
    step->own_part_open = false;
  }
  if (woken) take_cancellations();
  return woken || !filtered.empty() || !computed.empty();
}

void Coordinator::take_cancellations() {
  std::vector<SequenceId> cancelled;
  for (const auto& [sequence, active] : active_) {
    if (active.request->cancel && active.request->cancel->cancelled() && !active.ending) cancelled.push_back(sequence);
  }
  for (const SequenceId sequence : cancelled) end_early(sequence, StopReason::cancelled);
}

bool Coordinator::StepUnderWay::over() {
  return !own_part_open && report.done() && of_decode.done() && (!of_prefill.has_value() || of_prefill->done());
}

bool Coordinator::end_steps() {
  bool any = false;
  for (auto step = under_way_.begin(); step != under_way_.end();) {
    if (!step->over()) {
      ++step;
      continue;
    }
    GEMRING_CHECK(step->reported == 0 || step->reported == step->id, "step {} was reported as {}", step->id,
                  step->reported);
    end_step(*step);
    step = under_way_.erase(step);
    any = true;
  }
  return any;
}

}  // namespace gemring

#include "distributed/session/scheduler.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// So many rows cost about what one costs, the reading of weights (bench/notes.md, "Several requests in flight").
constexpr std::int32_t kRowsOfAStep = 4;
constexpr std::int32_t kFilterStepsAhead = 2;
constexpr std::size_t kFilterPasses = 2;
constexpr double kShorter = 0.5;  // a pass that overtakes, of what the longer one still has to do

template <class Queue>
bool erase_from(Queue& queue, std::int32_t request) {
  const auto place = std::find(queue.begin(), queue.end(), request);
  if (place == queue.end()) return false;
  queue.erase(place);
  return true;
}

}  // namespace

Scheduler::Scheduler(const Limits& limits) : limits_(limits) {
  GEMRING_CHECK(limits.sequences >= 1 && limits.stages >= 1, "{} sequences, {} stages", limits.sequences,
                limits.stages);
}

std::int32_t Scheduler::add(const Passes& passes) {
  GEMRING_CHECK(has_room(), "request {} waits already", waiting_.front());
  GEMRING_CHECK(passes.filter_steps >= 0 && passes.prefill_steps >= 1, "{} steps of a filter pass, {} of a prefill",
                passes.filter_steps, passes.prefill_steps);
  requests_[added_] = {.passes = passes, .patience = passes.filter_steps * passes.filter_step_cost};
  waiting_.push_back(added_);
  return added_++;
}

void Scheduler::set_filter_steps(std::int32_t request, std::int32_t steps) {
  Request& one = requests_.at(request);
  GEMRING_CHECK(one.phase == Phase::filter && one.begun == 1 && steps >= 2, "{} steps, {} begun", steps, one.begun);
  one.passes.filter_steps = steps;
}

void Scheduler::set_prefill_steps(std::int32_t request, std::int32_t steps) {
  Request& one = requests_.at(request);
  GEMRING_CHECK(steps >= 1 && (one.phase == Phase::waiting || one.phase == Phase::filter),
                "{} steps of a prefill, in phase {}", steps, static_cast<int>(one.phase));
  one.passes.prefill_steps = steps;
}

std::optional<Scheduler::Choice> Scheduler::next() {
  if (auto step = next_decode()) return step;
  if (auto step = next_prefill()) return step;
  return next_filter();
}

Scheduler::Choice Scheduler::begin(Kind kind, std::int32_t request) {
  Request& one = requests_.at(request);
  ++one.steps_under_way;
  return {kind, {request}, one.begun++};
}

std::optional<Scheduler::Choice> Scheduler::next_decode() {
  const std::int32_t rows = filters_.empty() ? 1 : kRowsOfAStep;
  const std::int32_t steps = std::clamp((decoding_ + rows - 1) / rows, 1, limits_.stages);
  if (ready_.empty() || decode_steps_ >= steps) return std::nullopt;
  const std::int32_t share = (decoding_ + steps - 1) / steps;
  Choice step{Kind::decode, {}};
  while (!ready_.empty() && static_cast<std::int32_t>(step.requests.size()) < share) {
    step.requests.push_back(ready_.front());
    ++requests_.at(ready_.front()).steps_under_way;
    ready_.pop_front();
  }
  ++decode_steps_;
  return step;
}

std::optional<Scheduler::Choice> Scheduler::next_prefill() {
  if (prefill_steps_ > limits_.stages) return std::nullopt;
  if (prefills_.empty()) {
    if (selected_.empty() || in_stages_ >= limits_.sequences) return std::nullopt;
    Request& first = requests_.at(selected_.front());
    first.phase = Phase::prefill;
    first.begun = first.done = 0;
    prefills_.push_back(selected_.front());
    selected_.pop_front();
    ++in_stages_;
  }
  const std::int32_t request = prefills_.front();
  Choice step = begin(Kind::prefill, request);
  ++prefill_steps_;
  if (requests_.at(request).begun == requests_.at(request).passes.prefill_steps) prefills_.pop_front();
  return step;
}

bool Scheduler::may_overtake(const Request& shorter, const Request& longer) const {
  const double cost = shorter.passes.filter_steps * shorter.passes.filter_step_cost;
  const double left = (longer.passes.filter_steps - longer.begun) * longer.passes.filter_step_cost;
  return cost <= kShorter * left && cost <= longer.patience;
}

std::optional<Scheduler::Choice> Scheduler::next_filter() {
  if (!waiting_.empty() && selected_.empty()) {
    const std::int32_t first = waiting_.front();
    Request& request = requests_.at(first);
    const bool filters = request.passes.filter_steps > 0;
    if (!filters) {
      waiting_.pop_front();
      request.phase = Phase::selected;
      selected_.push_back(first);
      return next();
    }
    if (filters && (filters_.empty() ||
                    (filters_.size() < kFilterPasses && may_overtake(request, requests_.at(filters_.front()))))) {
      if (!filters_.empty()) {
        requests_.at(filters_.front()).patience -= request.passes.filter_steps * request.passes.filter_step_cost;
      }
      waiting_.pop_front();
      request.phase = Phase::filter;
      filters_.push_back(first);
    }
  }
  if (filters_.empty() || filter_steps_ >= kFilterStepsAhead) return std::nullopt;
  for (auto pass = filters_.rbegin(); pass != filters_.rend(); ++pass) {
    const Request& request = requests_.at(*pass);
    if (request.stopped || request.begun == request.passes.filter_steps) continue;
    ++filter_steps_;
    return begin(Kind::filter, *pass);
  }
  return std::nullopt;
}

void Scheduler::ended(const Choice& step) {
  --(step.kind == Kind::filter ? filter_steps_ : step.kind == Kind::prefill ? prefill_steps_ : decode_steps_);
  for (const std::int32_t request : step.requests) {
    Request& one = requests_.at(request);
    --one.steps_under_way;
    if (step.kind == Kind::decode) {
      if (!one.stopped) ready_.push_back(request);
      continue;
    }
    ++one.done;
    if (one.stopped) continue;
    if (step.kind == Kind::filter && one.done == one.passes.filter_steps) {
      erase_from(filters_, request);
      one.phase = Phase::selected;
      selected_.push_back(request);
    } else if (step.kind == Kind::prefill && one.done == one.passes.prefill_steps) {
      one.phase = Phase::decode;
      ++decoding_;
      ready_.push_back(request);
    }
  }
}

void Scheduler::stop(std::int32_t request) {
  Request& one = requests_.at(request);
  one.stopped = true;
  erase_from(waiting_, request);
  erase_from(filters_, request);
  erase_from(selected_, request);
  erase_from(prefills_, request);
  erase_from(ready_, request);
}

bool Scheduler::under_way(std::int32_t request) const {
  return requests_.at(request).steps_under_way > 0;
}

void Scheduler::end(std::int32_t request) {
  GEMRING_CHECK(!under_way(request), "{} steps of request {} are under way", requests_.at(request).steps_under_way,
                request);
  stop(request);
  const Phase phase = requests_.at(request).phase;
  if (phase == Phase::prefill || phase == Phase::decode) --in_stages_;
  if (phase == Phase::decode) --decoding_;
  requests_.erase(request);
}

}  // namespace gemring

#include "distributed/session/scheduler.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// So many rows cost about what one costs, the reading of weights (bench/README.md, "Several requests in flight").
constexpr std::int32_t kRowsOfAStep = 4;

}  // namespace

Scheduler::Scheduler(const Limits& limits) : limits_(limits) {
  GEMRING_CHECK(limits.sequences >= 1 && limits.stages >= 1, "{} sequences, {} stages", limits.sequences,
                limits.stages);
}

std::int32_t Scheduler::add(bool filters) {
  GEMRING_CHECK(has_room(), "request {} waits already", waiting_.front().request);
  waiting_.push_back({added_, filters});
  return added_++;
}

std::optional<Scheduler::Step> Scheduler::next() {
  const std::int32_t rows = filtering_ ? kRowsOfAStep : 1;
  const std::int32_t steps = std::clamp((decoding_ + rows - 1) / rows, 1, limits_.stages);
  if (!ready_.empty() && decode_steps_ < steps) {
    const std::int32_t share = (decoding_ + steps - 1) / steps;
    Step step{Kind::decode, {}};
    while (!ready_.empty() && static_cast<std::int32_t>(step.requests.size()) < share) {
      step.requests.push_back(ready_.front());
      ready_.pop_front();
    }
    ++decode_steps_;
    return step;
  }
  if (!selected_.empty() && in_stages_ < limits_.sequences) {
    Step step{Kind::prefill, {selected_.front()}};
    selected_.pop_front();
    ++in_stages_;
    return step;
  }
  if (waiting_.empty() || filtering_ || !selected_.empty()) return std::nullopt;
  const Waiting first = waiting_.front();
  waiting_.pop_front();
  if (!first.filters) {
    selected_.push_back(first.request);
    return next();
  }
  filtering_ = true;
  return Step{Kind::filter, {first.request}};
}

void Scheduler::filtered(std::int32_t request) {
  GEMRING_CHECK(filtering_, "request {} was not being filtered", request);
  filtering_ = false;
  selected_.push_back(request);
}

void Scheduler::prefilled(std::int32_t request, bool over) {
  ++decoding_;
  end(over, request);
}

void Scheduler::decoded(std::int32_t request, bool over) {
  end(over, request);
}

void Scheduler::decode_step_ended() {
  GEMRING_CHECK(decode_steps_ > 0, "no decode step was under way");
  --decode_steps_;
}

void Scheduler::end(bool over, std::int32_t request) {
  if (!over) return ready_.push_back(request);
  --decoding_;
  --in_stages_;
  ++over_;
}

}  // namespace gemring

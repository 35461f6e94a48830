#include "engine/base/trace.h"

#include <chrono>
#include <numeric>
#include <utility>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// Of the clock of this machine that only goes forward.
std::int64_t nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

const char* name(SpanKind kind) {
  constexpr std::array<const char*, kSpanKinds> kNames = {"product",  "attention", "wait",   "send",      "norm",
                                                          "rope",     "silu",      "add",    "embedding", "pack",
                                                          "kv_write", "convert",   "set_up", "other"};
  return kNames[static_cast<std::size_t>(kind)];
}

Trace::Trace(std::size_t most_spans) : most_spans_(most_spans) {
  spans_.reserve(most_spans);
}

void Trace::start() {
  GEMRING_CHECK(active_trace() == nullptr, "another trace runs on this thread");
  start_ = nanoseconds();
  detail::active_trace = this;
}

void Trace::stop() {
  if (active_trace() == this) detail::active_trace = nullptr;
}

std::int64_t Trace::now() const {
  return nanoseconds() - start_;
}

void Trace::begin_phase(std::string name) {
  GEMRING_CHECK(!in_phase_ && innermost_ == nullptr, "phase {} begins inside of a phase or a span", name);
  in_phase_ = true;
  phases_.push_back({.name = std::move(name), .begin = now()});
}

void Trace::end_phase() {
  GEMRING_CHECK(in_phase_ && innermost_ == nullptr, "no phase to end, or a span is open");
  in_phase_ = false;
  PhaseRecord& phase = phases_.back();
  phase.duration = now() - phase.begin;
  const std::int64_t in_spans = std::accumulate(phase.kinds.begin(), phase.kinds.end(), std::int64_t{0});
  phase.kinds[static_cast<std::size_t>(SpanKind::other)] += phase.duration - in_spans;
}

std::size_t Trace::open(const char* name, SpanKind kind, std::int64_t amount, LayerIndex layer) {
  if (spans_.size() == most_spans_) {
    ++dropped_;
    return kDropped;
  }
  spans_.push_back({.name = name, .amount = amount, .layer = layer, .kind = kind});
  return spans_.size() - 1;
}

void Trace::count(SpanKind kind, std::int64_t nanoseconds) {
  if (in_phase_) phases_.back().kinds[static_cast<std::size_t>(kind)] += nanoseconds;
}

void TraceSpan::begin(const char* name, SpanKind kind, std::size_t amount, LayerIndex layer) {
  around_ = std::exchange(trace_->innermost_, this);
  layer_ = layer == LayerIndex(-1) && around_ != nullptr ? around_->layer_ : layer;
  kind_ = kind;
  inside_ = 0;
  slot_ = trace_->open(name, kind, static_cast<std::int64_t>(amount), layer_);
  begin_ = trace_->now();
}

void TraceSpan::end() {
  const std::int64_t duration = trace_->now() - begin_;
  trace_->innermost_ = around_;
  if (around_ != nullptr) around_->inside_ += duration;
  trace_->count(kind_, duration - inside_);
  if (slot_ == Trace::kDropped) return;
  SpanRecord& record = trace_->spans_[slot_];
  record.begin = begin_;
  record.duration = duration;
}

}  // namespace gemring

// Who did what, and when: spans of time on the thread that drives a rank, for `--trace`. Off, a span is one branch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/place.h"
#include "engine/base/types.h"

namespace gemring {

enum class SpanKind : std::uint8_t {
  product,    // matrix products
  attention,  // scores, softmax, weighted values
  wait,       // for messages
  send,       // handing messages to MPI
  norm,
  rope,
  silu,       // silu(gate) x up where it is a step of its own
  add,        // biases
  embedding,  // token ids to rows
  pack,       // activations to the type of a product where it is a step of its own
  kv_write,   // into the cache
  convert,    // to and from the type of messages
  set_up,     // memory and tables of a phase
  other,      // of what a layer or a phase does around the above
};
inline constexpr std::size_t kSpanKinds = static_cast<std::size_t>(SpanKind::other) + 1;
const char* name(SpanKind kind);

/// Nanoseconds of each kind. A span counts without the spans inside of it, so that the sum is the time of the whole.
using KindTimes = std::array<std::int64_t, kSpanKinds>;

/// Times are nanoseconds since Trace::start().
struct SpanRecord {
  const char* name = nullptr;  // a literal
  std::int64_t begin = 0;
  std::int64_t duration = 0;
  std::int64_t amount = 0;  // tokens; of kind send bytes; 0: not told
  LayerIndex layer{-1};     // -1: of none
  SpanKind kind = SpanKind::other;
};

struct PhaseRecord {
  std::string name;
  std::int64_t begin = 0;
  std::int64_t duration = 0;
  KindTimes kinds{};  // of `duration`; what is in no span counts as `other`
};

/// Spans of one thread. Memory is bounded: `most_spans` of sizeof(SpanRecord) = 40 bytes, whose pages come into use as
/// they fill; spans beyond are counted and not kept, though their time still counts in the phases.
class Trace {
 public:
  static constexpr std::size_t kMostSpans = 1u << 18;  // 10 MiB: 1,000 steps through 16 layers

  explicit Trace(std::size_t most_spans = kMostSpans);
  ~Trace() { stop(); }
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// Spans of this thread are recorded here until stop(). Time begins now.
  void start();
  void stop();

  /// Phases do not overlap, and no span is open where one begins or ends.
  void begin_phase(std::string name);
  void end_phase();

  const std::vector<SpanRecord>& spans() const { return spans_; }  // in order of their begin
  const std::vector<PhaseRecord>& phases() const { return phases_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  friend class TraceSpan;
  static constexpr std::size_t kDropped = static_cast<std::size_t>(-1);

  std::int64_t now() const;
  std::size_t open(const char* name, SpanKind kind, std::int64_t amount, LayerIndex layer);
  void count(SpanKind kind, std::int64_t nanoseconds);

  std::size_t most_spans_;
  std::int64_t start_ = 0;
  std::vector<SpanRecord> spans_;
  std::vector<PhaseRecord> phases_;
  bool in_phase_ = false;
  std::uint64_t dropped_ = 0;
  class TraceSpan* innermost_ = nullptr;  // the open span that the next one is inside of
};

namespace detail {
inline constinit thread_local Trace* active_trace = nullptr;
}

/// Where this thread's spans go; nullptr: nowhere.
inline Trace* active_trace() {
  return detail::active_trace;
}

/// A span from here to the end of the block:   const TraceSpan span("norm", SpanKind::norm, x.rows());
/// Traced or not, it is a step of the thread that drives the process (place.h).
class TraceSpan {
 public:
  /// `name`: a literal. amount, layer: as in SpanRecord; without a layer it is that of the span around it.
  TraceSpan(const char* name, SpanKind kind, std::size_t amount = 0, LayerIndex layer = LayerIndex(-1))
      : step_(name, layer), trace_(active_trace()) {
    if (trace_ != nullptr) [[unlikely]]
      begin(name, kind, amount, layer);
  }
  ~TraceSpan() {
    if (trace_ != nullptr) [[unlikely]]
      end();
  }
  TraceSpan(const TraceSpan&) = delete;
  TraceSpan& operator=(const TraceSpan&) = delete;

 private:
  void begin(const char* name, SpanKind kind, std::size_t amount, LayerIndex layer);
  void end();

  StepMark step_;
  Trace* trace_;
  // Of a span that is recorded:
  TraceSpan* around_;
  std::size_t slot_;
  std::int64_t begin_, inside_;  // inside_: nanoseconds of the spans inside
  LayerIndex layer_;
  SpanKind kind_;
};

}  // namespace gemring

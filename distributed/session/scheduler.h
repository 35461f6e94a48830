// Which step enters the ranks next, with several requests in flight. Pure: rank 0 asks it, and tells it what has
// happened.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace gemring {

/// Requests are numbered from 0 in the order they are added; how many there will be need not be known.
///
///     waiting -> filter (where it has a first pass) -> selected -> prefill -> decode, decode, ... -> over
///
/// * One first pass at a time, and at most one request is selected and waits for its prefill: the filter ranks work one
///   request ahead of the stages, not more.
/// * At most `sequences` of them are between prefill and their end: so many KV caches fit.
/// * Decode steps: the sequences spread equally over as many as there are stages, so that each stage has one to work
/// on.
///   Beside a first pass, which has its own share of the machine, up to four sequences are one step and read the
///   weights once.
/// * What is ready to decode goes first: it is short, and somebody waits for its words. Then a prefill, then a first
///   pass.
class Scheduler {
 public:
  struct Limits {
    std::int32_t sequences = 1;
    std::int32_t stages = 1;
  };
  explicit Scheduler(const Limits& limits);

  /// Whether another request may be added: one may wait.
  bool has_room() const { return waiting_.empty(); }
  /// Its number. `filters`: whether it has a first pass.
  std::int32_t add(bool filters);

  enum class Kind { filter, prefill, decode };
  struct Step {
    Kind kind = Kind::filter;
    std::vector<std::int32_t> requests;  // one, but for decode
  };

  /// The next step to begin now; nothing: wait until something has happened.
  std::optional<Step> next();

  void filtered(std::int32_t request);
  void prefilled(std::int32_t request, bool over);  // over: it had no more to say than its first token
  void decoded(std::int32_t request, bool over);
  void decode_step_ended();

  /// Of those added so far.
  bool all_over() const { return over_ == added_; }

 private:
  void end(bool over, std::int32_t request);

  struct Waiting {
    std::int32_t request = 0;
    bool filters = false;
  };

  Limits limits_;
  std::deque<Waiting> waiting_;
  bool filtering_ = false;
  std::deque<std::int32_t> selected_;
  std::int32_t in_stages_ = 0;  // between prefill and end
  std::int32_t decoding_ = 0;   // of these, prefilled
  std::deque<std::int32_t> ready_;
  std::int32_t decode_steps_ = 0;  // under way
  std::int32_t added_ = 0;
  std::int32_t over_ = 0;
};

}  // namespace gemring

// Which step enters the ranks next, with several requests in flight. Pure: rank 0 asks it, and tells it what has
// happened.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace gemring {

/// Requests are numbered from 0 in the order they are added; how many there will be need not be known.
///
///     waiting -> filter, a step for each layer (where it has a filter pass) -> selected
///             -> prefill, a step for each chunk -> decode, decode, ... -> ended
///
/// * At most two steps of filter passes, and of prefills one more than there are stages, are under way: one that the
///   last stage works on, one for each stage before it, and one that waits, so that no stage ever waits for rank 0.
/// * One filter pass at a time, and at most one request is selected and waits for its prefill: the filter ranks work
///   one request ahead of the stages, not more. A request without a filter pass does not wait for one. A short pass
///   need not wait for the end of a long one: it goes through between two steps of that one where it has at most half
///   as much to do as the long one still has. A pass is held up by no more work than its own, so it takes at most twice
///   as long.
/// * One prefill after the other. At most `sequences` requests are between prefill and their end: so many KV caches
///   fit.
/// * Decode steps: the sequences spread equally over as many as there are stages, so that each stage has one to work
///   on. Beside a filter pass, which has its own share of the machine, up to four sequences are one step and read the
///   weights once.
/// * What is ready to decode goes first: it is short, and somebody waits for its words. Then a prefill, then a filter
///   pass.
class Scheduler {
 public:
  struct Limits {
    std::int32_t sequences = 1;
    std::int32_t stages = 1;
  };
  explicit Scheduler(const Limits& limits);

  /// What a request needs.
  struct Passes {
    std::int32_t filter_steps = 0;  // 0: no filter pass
    double filter_step_cost = 0;    // of each; any unit, the same for all requests
    std::int32_t prefill_steps = 1;
  };

  /// Whether another request may be added: one may wait.
  bool has_room() const { return waiting_.empty(); }
  /// Its number.
  std::int32_t add(const Passes& passes);

  /// What is known only when its filter pass begins: some of it was read before. Requires: its first step has begun,
  /// and `steps` is at least two.
  void set_filter_steps(std::int32_t request, std::int32_t steps);

  /// What is known only behind its filter pass. Requires: no step of its prefill has begun.
  void set_prefill_steps(std::int32_t request, std::int32_t steps);

  enum class Kind { filter, prefill, decode };
  struct Choice {
    Kind kind = Kind::filter;
    std::vector<std::int32_t> requests;  // one, but for decode
    std::int32_t part = 0;               // of the filter pass or the prefill, from 0
  };

  /// The next step to begin now; nothing: wait until something has happened.
  std::optional<Choice> next();

  /// A step that next() chose is over. Behind the last step of a pass the request goes on to what comes next.
  void ended(const Choice& step);

  /// No more steps of a request are chosen, whatever it is in.
  void stop(std::int32_t request);
  /// Whether a step of it is under way.
  bool under_way(std::int32_t request) const;
  /// Requires: no step of it is under way. Its place is free for another one.
  void end(std::int32_t request);

  /// Of those added so far.
  bool all_over() const { return requests_.empty(); }

 private:
  enum class Phase { waiting, filter, selected, prefill, decode };
  struct Request {
    Passes passes;
    Phase phase = Phase::waiting;
    std::int32_t begun = 0;  // steps of its pass
    std::int32_t done = 0;   // of these
    std::int32_t steps_under_way = 0;
    double patience = 0;  // how much work of other filter passes may still go before its own
    bool stopped = false;
  };

  std::optional<Choice> next_decode();
  std::optional<Choice> next_prefill();
  std::optional<Choice> next_filter();
  bool may_overtake(const Request& shorter, const Request& longer) const;
  Choice begin(Kind kind, std::int32_t request);

  Limits limits_;
  std::int32_t added_ = 0;
  std::map<std::int32_t, Request> requests_;
  std::deque<std::int32_t> waiting_;   // at most one
  std::vector<std::int32_t> filters_;  // passes with steps to begin or under way; the second goes before the first
  std::deque<std::int32_t> selected_;  // wait for their prefill
  std::deque<std::int32_t> prefills_;  // with steps to begin; at most one
  std::deque<std::int32_t> ready_;     // to decode
  std::int32_t in_stages_ = 0;         // between prefill and end
  std::int32_t decoding_ = 0;          // of these, prefilled
  std::int32_t decode_steps_ = 0;      // under way, as the next two
  std::int32_t prefill_steps_ = 0;
  std::int32_t filter_steps_ = 0;
};

}  // namespace gemring

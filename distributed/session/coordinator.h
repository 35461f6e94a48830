// Rank 0's planner of a run, on a thread of its own beside the one that computes: decides what all ranks do next,
// samples tokens, knows when a request is over. So a long first pass delays no other request's next token.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/logit_rows.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/request_source.h"
#include "distributed/session/scheduler.h"
#include "distributed/session/session.h"
#include "distributed/session/work.h"
#include "engine/generation/sampler.h"
#include "engine/selection/selection.h"

namespace gemring {

struct RunLimits {
  std::int32_t sequences = 1;    // in the stages at a time
  std::int32_t wanted_rows = 1;  // of each prefill's logits, the last ones; more only where nothing is generated
};

class Coordinator {
 public:
  /// Everything is the caller's and outlives this.
  Coordinator(Communicator& world, const ClusterPlan& plan, std::int32_t vocab, RequestSource& source,
              const RunLimits& limits);

  /// Runs until all requests are over and every rank was told. What goes wrong (a callback that throws, MPI) is kept
  /// for rethrow(); rank 0's own work ends then, and the job is to be ended by the caller.
  void run();
  void rethrow() const;
  /// From another thread, where rank 0's own work failed: run() returns soon.
  void stop();

  /// Rank 0's own works, in order.
  OwnWork take_own(double& waited) { return own_.take(waited); }

  // What rank 0's own work gave.
  void filtered(SequenceId sequence, std::vector<float> scores, CompressedPrompt compressed);
  void computed(std::uint64_t step);

 private:
  /// A request that is not over.
  struct Request {
    std::shared_ptr<const GenerationRequest> request;
    std::optional<Sampler> sampler;
    CompressedPrompt compressed;
    GenerationResult result;
    double begin = 0, first_token = 0;
  };
  /// A prefill or a decode step on its way through the stages.
  struct Step {
    std::uint64_t id = 0;
    std::vector<SequenceId> sequences;
    bool prefill = false;
    Buffer<float> logits;
    std::optional<LogitReceiver> of_prefill;
    Transfer of_decode;
    bool own_part_open = false;  // rank 0 computes logits, and has not said that they are there
  };
  struct Filtered {
    SequenceId sequence = 0;
    std::vector<float> scores;
    CompressedPrompt compressed;
  };

  void run_all();
  bool all_over() { return source_.ended() && scheduler_.all_over(); }
  bool take_up();  // false where no request is there, or none is wanted
  void begin(const Scheduler::Step& step);
  void begin_filter(SequenceId sequence);
  void begin_prefill(SequenceId sequence);
  void begin_decode(const std::vector<SequenceId>& sequences);
  void hand_out(Work work, Step* step);
  bool take_events();  // false where nothing had happened
  bool end_steps();    // the same
  void end_prefill(Step& step);
  void end_decode(Step& step);
  bool take_token(SequenceId sequence, std::span<float> logits);  // true where the request is over
  void end_request(SequenceId sequence);
  static GlobalPosition last_position(const Request& request);  // of its last token so far
  void wait_for_events();
  void wake();
  bool stopped();

  Communicator& world_;
  const ClusterPlan& plan_;
  std::size_t vocab_;
  RequestSource& source_;
  std::int32_t wanted_rows_;
  Scheduler scheduler_;
  WorkAnnouncer announcer_;
  OwnWorkQueue own_;
  std::map<SequenceId, Request> requests_;
  std::list<Step> steps_;  // in the order they were begun
  std::uint64_t next_step_ = 1;
  std::vector<SequenceId> finished_;  // not told yet
  double idle_sleep_ = 0;             // seconds
  std::exception_ptr failure_;

  std::mutex mutex_;  // of the following
  std::condition_variable happened_;
  bool stop_ = false;
  bool source_changed_ = false;
  std::deque<Filtered> filtered_;
  std::deque<std::uint64_t> computed_;
};

}  // namespace gemring

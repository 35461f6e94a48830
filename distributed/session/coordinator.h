// Rank 0's coordinator of a run, on a thread of its own beside the one that computes: admits requests, decides what all
// ranks do next, samples tokens, ends requests. So a long filter pass delays no other request's next token, and nothing
// outside of the job (a reader of results, a writer of requests) delays this thread.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/logit_rows.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/session/event_queue.h"
#include "distributed/session/local_queue.h"
#include "distributed/session/request_source.h"
#include "distributed/session/scheduler.h"
#include "distributed/session/step_broadcast.h"
#include "distributed/session/text_directory.h"
#include "engine/base/mutex.h"
#include "engine/generation/sampler.h"
#include "engine/selection/selection.h"

namespace gemring {

struct RunLimits {
  std::int32_t sequences = 1;    // in the stages at a time
  std::int32_t wanted_rows = 1;  // of each prefill's logits, the last ones; more only where nothing is generated
};

/// What the coordinator knows of the model and its filter passes.
struct ModelSize {
  std::int32_t vocab = 0;
  std::int32_t filter_layers = 0;  // the filter layer included
  /// Of a pass over so many tokens, from a chunk on (filter_pass.h).
  std::function<std::int32_t(std::int32_t tokens, std::int32_t from_chunk)> filter_steps = {};
  /// What ranks may keep of what windowed passes read; unset: nothing.
  std::optional<TextDirectory::Sizes> index = {};
  /// Equal numbers: passes over so many tokens turn keys alike.
  std::function<std::uint64_t(std::int32_t tokens)> angles = {};
};

/// What a filter pass gave: kept tokens, or why there are none.
struct FilterOutcome {
  std::vector<float> scores;
  CompressedPrompt compressed;
  std::optional<Error> error;
};

class Coordinator {
 public:
  /// All but the numbers is the caller's and outlives this.
  Coordinator(Communicator& world, const ClusterPlan& plan, const ModelSize& model, RequestSource& source,
              const RunLimits& limits, EventQueue& events);

  /// Runs until all requests have ended and every rank was told. An error of the source ends it and not the requests in
  /// flight. What else goes wrong (MPI) ends rank 0's own part behind the step at hand. Both are kept, to be thrown
  /// again; the job is then to be ended by the caller.
  void run();
  void rethrow_failure() const;
  void rethrow_of_source() const;
  /// From another thread, where something else on rank 0 failed: run() and rank 0's own part return soon.
  void stop() GEMRING_EXCLUDES(mutex_);

  /// Rank 0's own steps, in order.
  LocalQueue& local_steps() { return local_; }

  // What rank 0's own part of a step gave; of the last step of a filter pass its outcome first.
  void filtered(SequenceId sequence, FilterOutcome outcome) GEMRING_EXCLUDES(mutex_);
  void computed(std::uint64_t step) GEMRING_EXCLUDES(mutex_);

 private:
  /// A request from its admission to its end.
  struct Active {
    std::shared_ptr<const GenerationRequest> request;
    std::optional<Sampler> sampler;
    std::int32_t filter_steps = 0;  // of its filter pass; 0 without one
    ReadingOrder reading;
    CompressedPrompt compressed;
    std::vector<PositionRange> chunks;     // of its prefill
    std::vector<ZigzagShards> last_stage;  // of each chunk
    GlobalPosition wanted_from;            // logits of its prefill are wanted from here on,
    Buffer<float> logits;                  // [rows, vocab]
    std::size_t chunks_done = 0;
    GenerationResult result;
    double begin = 0, first_token = 0;
    bool on_ranks = false;  // they hold something of it
    bool ending = false;    // no more steps of it
  };
  /// A step that was broadcast and is not over.
  struct StepUnderWay {
    std::uint64_t id = 0;
    Scheduler::Choice choice;
    Buffer<float> logits;                     // of a decode step, [rows, vocab]
    std::optional<LogitReceiver> of_prefill;  // what other ranks send, as the next two
    Transfer of_decode;
    std::uint64_t reported = 0;
    Transfer report;
    bool own_part_open = false;  // rank 0's own part is wanted and not done
    bool over();
  };

  void run_all();
  bool all_over() { return source_ended() && scheduler_.all_over(); }
  bool source_ended();
  bool admit_request();  // false where none is there, or none is wanted
  void begin(const Scheduler::Choice& choice);
  Step filter_step(StepUnderWay& under_way);
  void begin_filter(SequenceId sequence, Active& active, std::int32_t question_span);
  void restore(SequenceId sequence, const Active& active, std::int32_t usable, std::uint64_t angles);
  std::optional<Step> store_step(const Step& last, const Active& active);
  Step prefill_step(StepUnderWay& under_way);
  Step decode_step(StepUnderWay& under_way);
  void prepare_prefill(Active& active);
  bool take_events() GEMRING_EXCLUDES(mutex_);  // false where nothing had happened
  void take_cancellations();
  bool end_steps();  // false where none is over
  void end_step(StepUnderWay& step);
  void show(const Active& active, std::string_view phase, double done, double total);
  void end_filter(SequenceId sequence);
  void end_unfiltered(SequenceId sequence);  // which was to be filtered only, and keeps everything
  static void take_kept(Active& active);
  void end_prefill(SequenceId sequence);
  void take_token(SequenceId sequence, std::span<float> logits);
  void fail(SequenceId sequence, const Error& error);
  void end_early(SequenceId sequence, StopReason reason);
  void end_if_idle(SequenceId sequence);
  void end(SequenceId sequence);
  static GlobalPosition last_position(const Active& active);  // of its last token so far
  void wait_for_events() GEMRING_EXCLUDES(mutex_);
  void wake() GEMRING_EXCLUDES(mutex_);
  bool stopped() GEMRING_EXCLUDES(mutex_);

  Communicator& world_;
  const ClusterPlan& plan_;
  ModelSize model_;
  std::size_t vocab_;
  RequestSource& source_;
  std::int32_t wanted_rows_;
  EventQueue& events_;
  Scheduler scheduler_;
  StepBroadcaster broadcaster_;
  std::optional<TextDirectory> texts_;  // where something is kept
  LocalQueue local_;
  std::map<SequenceId, Active> active_;
  std::list<StepUnderWay> under_way_;  // in the order they were begun
  std::uint64_t next_step_ = 1;
  double idle_sleep_ = 0;  // seconds
  std::exception_ptr source_failure_, failure_;

  Mutex mutex_;
  CondVar happened_;
  bool stop_ GEMRING_GUARDED_BY(mutex_) = false;
  bool woken_ GEMRING_GUARDED_BY(mutex_) = false;  // by the source, a cancellation, or room for events
  std::deque<std::pair<SequenceId, FilterOutcome>> filtered_ GEMRING_GUARDED_BY(mutex_);
  std::deque<std::uint64_t> computed_ GEMRING_GUARDED_BY(mutex_);
};

}  // namespace gemring

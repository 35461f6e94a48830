// One rank's part of a stage: sequences on their way through its layers, prefill in chunks, then token by token.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/activation_link.h"
#include "distributed/pipeline/batch_attention.h"
#include "distributed/pipeline/stage_sequence.h"
#include "distributed/plan/cluster_plan.h"
#include "engine/model/layer_stack.h"

namespace gemring {

/// Names a sequence from its prefill until it is released; the same on all ranks.
using SequenceId = std::int32_t;

/// What this rank holds of the model for its stage. All is the caller's and outlives the stage.
struct StageParts {
  const LayerStack* layers = nullptr;
  const Embedding* embedding = nullptr;  // first stage
  const OutputHead* head = nullptr;      // last stage
};

/// The next token of one sequence.
struct DecodeRow {
  SequenceId sequence = 0;
  GlobalPosition position;
  TokenId token;  // read by the first stage's first rank
};

/// Every rank of a job makes the same calls in the same order, for it has a part in each of them or none.
class Stage {
 public:
  /// `world`, `group` (this stage's ranks), `plan` and `config` outlive the stage. max_batch: rows of one decode() at
  /// most.
  Stage(Communicator& world, Communicator& group, const ClusterPlan& plan, std::size_t index, const ModelConfig& config,
        const StageParts& parts, const StageOptions& options, std::size_t max_batch);

  /// A new sequence: allocates all that it needs here. Requires: fewer than max_batch are there.
  void begin(SequenceId sequence, const SequenceOptions& options);

  /// Called once the step's own receive is posted, before anything is waited for: to say what comes next.
  using Ahead = std::function<void()>;
  /// Called with (done, total) layer passes of this rank.
  using Progress = std::function<void(std::int32_t, std::int32_t)>;

  /// The next chunk of a sequence, from 0 on; other sequences' steps may lie between two chunks. ids: of the chunk,
  /// read by the first stage. logits: on rank 0 [rows from wanted_from on, vocab], where the rows that rank 0 itself
  /// computes are put; others' rows arrive through LogitReceiver. Empty elsewhere.
  void prefill(SequenceId sequence, std::int32_t chunk, std::span<const TokenId> ids, std::span<float> logits,
               const Ahead& ahead, const Progress& progress);

  /// One token further, each of several sequences. logits: as above, a row for each, where rank 0 is the last stage's
  /// first rank; otherwise that rank sends them to rank 0, all rows in one message.
  void decode(std::span<const DecodeRow> rows, std::span<float> logits, const Ahead& ahead);

  /// Of the step that will follow the one at hand: posts its receive, so that what the stage before sends arrives while
  /// this one computes. Of a chunk: not of the first one.
  void expect_chunk(SequenceId sequence, std::int32_t chunk);
  void expect_tokens(std::size_t rows);

  /// How many sequences have memory here.
  std::size_t sequences() const { return sequences_.size(); }

  /// Frees the sequence's cache.
  void release(SequenceId sequence);

 private:
  bool first() const { return index_ == 0; }
  bool last() const { return index_ + 1 == plan_.stages.size(); }
  void make_room(const StageSequence& sequence);
  void post(std::vector<LinkMessage> messages);
  void receive(std::vector<LinkMessage> messages, MatrixView<float> x, const Ahead& ahead);
  MatrixView<float> x(std::size_t rows) { return {x_.data(), rows, static_cast<std::size_t>(config_.hidden)}; }
  StepRows batch_rows(std::span<const DecodeRow> rows);
  void gather_chunk(const ZigzagShards& shards, std::span<const GlobalPosition> positions, std::span<const TokenId> ids,
                    MatrixView<float> rows) const;
  void give_logits(const StageSequence& sequence, std::size_t chunk, std::span<float> logits);
  /// Into `target` on rank 0; where that is empty, to rank 0.
  void put_or_send_logits(MatrixView<float> rows, std::span<float> target);

  Communicator& world_;
  Communicator& group_;
  const ClusterPlan& plan_;
  std::size_t index_;
  const ModelConfig& config_;
  StageParts parts_;
  StageOptions options_;
  std::size_t max_batch_;
  std::map<SequenceId, StageSequence> sequences_;
  BatchAttention batch_;
  std::vector<GlobalPosition> batch_positions_;
  RopeTables batch_ropes_;  // [max_batch] rows

  std::size_t max_rows_ = 0;  // of this rank in any step so far; the following are made for it
  std::optional<LayerWorkspace> work_;
  Buffer<float> x_;  // [max_rows, hidden]
  std::optional<ActivationReceiver> receiver_;
  bool expected_ = false;  // the receive of the next step with one is posted
  std::optional<ActivationSender> sender_;

  struct LogitMessage {
    Transfer sending;
    Buffer<float> rows;  // [64 or max_batch, vocab]
  };
  std::array<LogitMessage, 2> logit_messages_;  // of the last stage, on their way to rank 0
  std::size_t next_logit_message_ = 0;
};

}  // namespace gemring

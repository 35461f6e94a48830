// One sequence on its way through one stage, on one rank of it: prefill in chunks, then decode.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/activation_link.h"
#include "distributed/pipeline/logit_rows.h"
#include "distributed/pipeline/stage_attention.h"
#include "distributed/plan/cluster_plan.h"
#include "engine/model/layer_stack.h"

namespace gemring {

/// What this rank holds of the model for its stage. All is the caller's and outlives the stage.
struct StageParts {
  const LayerStack* layers = nullptr;
  const Embedding* embedding = nullptr;  // first stage
  const OutputHead* head = nullptr;      // last stage
};

struct StageOptions {
  DataType kv_type = DataType::f32;
  DataType message_type = DataType::f32;
  std::int32_t prompt_tokens = 0;   // of the sequence that runs here (compressed, with GemFilter)
  std::int32_t max_new_tokens = 0;  // 0: nothing is decoded
  GlobalPosition wanted_from;       // logits are wanted from this position on
};

class Stage {
 public:
  /// `world` and `group` (this stage's ranks) outlive the stage. Allocates everything that the sequence needs.
  Stage(Communicator& world, Communicator& group, const ClusterPlan& plan, std::size_t index, const ModelConfig& config,
        const StageParts& parts, const StageOptions& options);

  /// Called with (done, total) layer passes of this rank.
  using Progress = std::function<void(std::int32_t, std::int32_t)>;

  /// ids: the whole sequence, read by the first stage. logits: on rank 0 [rows from wanted_from on, vocab], where the
  /// rows that rank 0 itself computes are put; others' rows arrive through LogitReceiver. Empty elsewhere.
  void prefill(std::span<const TokenId> ids, std::span<float> logits, const Progress& progress);

  /// One token further. token: read by the first stage's first rank; logits: as above, one row, where rank 0 is the
  /// last stage's first rank; otherwise that rank sends them to rank 0.
  void decode(GlobalPosition position, TokenId token, std::span<float> logits);

 private:
  bool first() const { return index_ == 0; }
  bool last() const { return index_ + 1 == plan_.stages.size(); }
  std::vector<LinkMessage> messages_from(std::size_t chunk) const;  // from the previous stage
  std::vector<LinkMessage> messages_to(std::size_t chunk) const;    // to the next one
  MatrixView<float> x(std::size_t rows) { return {x_.data(), rows, static_cast<std::size_t>(config_.hidden)}; }
  void give_logits(std::size_t chunk, std::span<float> logits);
  /// Into `target` on rank 0; where that is empty, to rank 0.
  void put_or_send_logits(MatrixView<float> rows, std::span<float> target);

  Communicator& world_;
  Communicator& group_;
  const ClusterPlan& plan_;
  std::size_t index_;
  ModelConfig config_;
  StageParts parts_;
  StageOptions options_;
  std::vector<ZigzagShards> chunks_, chunks_before_, chunks_after_;  // of this stage, the previous and the next
  std::size_t max_rows_ = 1;                                         // of this rank in any step
  std::vector<GlobalPosition> positions_;  // of this rank's prompt rows, chunk after chunk, then of decoded tokens
  RopeTable rope_;                         // of positions_
  std::optional<KvCache> cache_;
  std::optional<StageAttention> attention_;
  LayerWorkspace work_;
  Buffer<float> x_;       // [max_rows, hidden]
  Buffer<float> logits_;  // [64, vocab] of the last stage, on their way to rank 0
  std::optional<ActivationReceiver> receiver_;
  std::optional<ActivationSender> sender_;
};

}  // namespace gemring

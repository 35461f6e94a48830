// A request from prompt to generated tokens, over all ranks. Every rank calls generate() with the same options.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/cluster_plan.h"
#include "engine/base/types.h"
#include "engine/generation/sampler.h"
#include "engine/model/config.h"
#include "engine/selection/selection.h"
#include "engine/tensor/data_type.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// How passes are computed, whatever the request.
struct ComputeOptions {
  DataType kv_type = DataType::f32;       // KV cache: f32 or bf16 (half the memory, rounds keys and values)
  DataType message_type = DataType::f32;  // between ranks, f32 or bf16; keys and values of a bf16 cache go as they are
};

/// Called on rank 0 from time to time: phase, tokens (or layers x tokens) done and in all.
using ProgressCallback = std::function<void(std::string_view phase, double done, double total)>;

struct GenerationRequest {
  std::vector<TokenId> prompt;  // rank 0's counts; elsewhere empty
  LayerIndex filter_layer;      // GemFilter's r, 0-based
  ResolvedSelection selection;  // Method::gemfilter only
  SamplingOptions sampling;
  StopRules stop;
  std::size_t known_tokens = 0;           // ids from here on are never sampled; 0: the whole vocabulary
  std::function<void(TokenId)> on_token;  // rank 0, as each token comes; may be empty
  ProgressCallback on_progress;           // rank 0; may be empty
};

/// Wall time of one phase on one rank ("filter", "select", "prefill", "decode").
struct PhaseReport {
  RankId rank;
  std::string name;
  double seconds = 0;
  double wait_seconds = 0;  // of these, waiting for other ranks
  std::uint64_t bytes_sent = 0;
};

struct RankReport {
  RankId rank;
  std::string host;
  std::int32_t threads = 0;
  std::uint64_t peak_rss_bytes = 0;
};

/// Complete on rank 0; other ranks have generated_ids and kept only.
struct GenerationResult {
  std::int32_t prompt_tokens = 0;
  std::vector<TokenId> generated_ids;  // the end token included where one came
  std::vector<OriginalPosition> kept;  // all positions where no filter pass ran
  std::vector<float> scores;           // before pooling, one per prompt token; empty where no filter pass ran
  std::vector<PhaseReport> phases;
  std::vector<RankReport> ranks;
  double time_to_first_token_seconds = 0;
  double prefill_tokens_per_second = 0;  // prompt tokens over time to first token
  double decode_tokens_per_second = 0;   // tokens after the first over their time; 0 where there are none
};

/// Holds this rank's weights (only the layers the plan gives it) and runs requests. Collective: every rank makes one.
class Session {
 public:
  /// Maps and checks this rank's weights. The filter's layers are 0..filter_layer (where the plan has a filter group).
  /// Throws ModelFileError (missing tensor, wrong shape or type).
  Session(Communicator& world, const ModelConfig& config, const TensorSource& weights, const ClusterPlan& plan,
          LayerIndex filter_layer, const ComputeOptions& options);
  ~Session();

  GenerationResult generate(const GenerationRequest& request);

  /// Logits of the last `rows` prompt positions, [rows, vocab] row-major, on rank 0 (elsewhere empty). Method::full
  /// only.
  std::vector<float> logits(const std::vector<TokenId>& prompt, std::int32_t rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemring

// A request from prompt to generated tokens, over all ranks. Every rank calls generate() with the same options.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/cluster_plan.h"
#include "distributed/ring/group_attention.h"
#include "engine/base/types.h"
#include "engine/generation/sampler.h"
#include "engine/generation/stop_rules.h"
#include "engine/model/config.h"
#include "engine/selection/selection.h"
#include "engine/tensor/data_type.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// How passes are computed, whatever the request.
struct ComputeOptions {
  DataType kv_type = DataType::f32;  // KV cache: f32 or bf16 (half the memory, rounds keys and values)
  RingOptions ring = {};             // what travels between ranks, in which type and which way
};

/// Called on rank 0 from time to time: phase, tokens (or layers x tokens) done and in all.
using ProgressCallback = std::function<void(std::string_view phase, double done, double total)>;

/// Wall time of one phase on one rank ("filter", "select", "prefill", "decode"), all requests together.
struct PhaseReport {
  RankId rank;
  std::string name;
  double seconds = 0;
  double wait_seconds = 0;  // of these, waiting for other ranks
  std::uint64_t bytes_sent = 0;
  double transfer_seconds = 0;  // with messages of data under way, in or out
  double exposed_seconds = 0;   // of these, waiting for them

  double compute_seconds() const { return seconds - wait_seconds; }
  /// Of the time that messages take, the share in which the rank computed; 1 where there were none.
  double hidden_share() const {
    return transfer_seconds > 0 ? std::clamp(1 - exposed_seconds / transfer_seconds, 0.0, 1.0) : 1;
  }
};

struct RankReport {
  RankId rank;
  std::string host;
  std::int32_t threads = 0;
  std::uint64_t peak_rss_bytes = 0;
};

/// Phases and ranks of all, in order of rank.
struct JobReport {
  std::vector<PhaseReport> phases;
  std::vector<RankReport> ranks;
};

/// Complete on rank 0; other ranks have `phases` and `ranks` only, those of the first stage `kept` too.
struct GenerationResult {
  std::int32_t prompt_tokens = 0;
  std::vector<TokenId> generated_ids;  // the end token included where one came
  StopReason stop_reason = StopReason::none;
  std::vector<OriginalPosition> kept;  // all positions where no filter pass ran
  std::vector<float> scores;           // before pooling, one per prompt token; empty where no filter pass ran
  std::vector<PhaseReport> phases;
  std::vector<RankReport> ranks;
  double time_to_first_token_seconds = 0;  // from the moment it was taken up
  double filter_seconds = 0;               // of these, until its tokens were selected; 0 where no filter pass ran
  double seconds = 0;                      // until its last token
  double prefill_tokens_per_second = 0;    // prompt tokens over time to first token
  double decode_tokens_per_second = 0;     // tokens after the first over their time; 0 where there are none
  std::vector<float> logits;               // of the last positions, where they were asked for
};

struct GenerationRequest {
  std::vector<TokenId> prompt;  // rank 0's counts; elsewhere empty
  LayerIndex filter_layer;      // GemFilter's r, 0-based
  ResolvedSelection selection;  // Method::gemfilter only
  SamplingOptions sampling;
  StopRules stop;
  std::size_t known_tokens = 0;         // ids from here on are never sampled; 0: the whole vocabulary
  std::vector<TokenId> unknown_tokens;  // nor are these: ids below without a token
  // All on rank 0, any may be empty. on_token and on_end come from another thread than on_progress.
  std::function<void(TokenId)> on_token;         // as each token comes
  std::function<void(GenerationResult)> on_end;  // its own figures; phases and ranks are of the whole run
  ProgressCallback on_progress;
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

  /// Several requests, results in their order. At most `sequences` of them are between their prefill and their end on
  /// the stages, while rank 0 filters the next one; what a request answers does not depend on the others. Every rank
  /// gives as many.
  std::vector<GenerationResult> generate(std::span<const GenerationRequest> requests, std::int32_t sequences);

  /// The same for as many requests as `source` has, asked on rank 0. Each gets its result through its own on_end, as
  /// soon as it is there, in whatever order they end.
  JobReport generate(class RequestSource& source, std::int32_t sequences);

  /// Logits of the last `rows` prompt positions, [rows, vocab] row-major, on rank 0 (elsewhere empty). Method::full
  /// only.
  std::vector<float> logits(const std::vector<TokenId>& prompt, std::int32_t rows);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gemring

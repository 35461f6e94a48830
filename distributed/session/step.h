// Second pass: the full model over the stages. Prefill of the (compressed) prompt, then one token after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/pipeline/stage.h"
#include "distributed/session/session.h"

namespace gemring {

/// Logits of the positions from wanted_from on, [rows, vocab], on rank 0; empty elsewhere. `stage`: nullptr on a rank
/// without one.
std::vector<float> prefill(Communicator& world, const ClusterPlan& plan, const ModelConfig& config, Stage* stage,
                           std::span<const TokenId> ids, GlobalPosition wanted_from, const Stage::Progress& progress);

/// What rank 0 tells the stages before each step of a sequence; `end` frees its cache instead.
struct TokenMessage {
  std::int32_t sequence = 0;
  GlobalPosition position;
  TokenId token;
  bool end = false;
};

/// From the prefill's last row of logits (rank 0) to the end. Rank 0 samples, announces each token to the stage ranks
/// and collects the next logits; the others follow its announcements. Returns the generated tokens on rank 0, elsewhere
/// nothing. `on_first_token` is called on rank 0 as soon as the first token is known.
std::vector<TokenId> decode(Communicator& world, const ClusterPlan& plan, Stage* stage, std::span<float> logits,
                            std::int32_t prompt_tokens, const GenerationRequest& request,
                            const std::function<void()>& on_first_token);

}  // namespace gemring

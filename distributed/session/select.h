// Between the passes: rank 0 chooses, every rank learns the kept indices and token ids, and nothing else of the prompt.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "engine/selection/selection.h"

namespace gemring {

/// scores: on rank 0 one per prompt token; empty where no filter pass ran: then every token is kept. prompt: on rank 0.
/// Collective; returns the same on every rank (debug builds check it).
CompressedPrompt select(Communicator& world, std::span<const TokenId> prompt, std::span<const float> scores,
                        const ResolvedSelection& selection);

}  // namespace gemring

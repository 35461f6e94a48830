// What a benchmark's work amounts to: FLOP and bytes that follow from the model and the lengths, to be set against the
// machine's limits. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/plan/cost.h"
#include "engine/model/config.h"
#include "engine/tensor/data_type.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// FLOP until the first token on all ranks: the filter pass, where there is one, and the prefill; as RankCost counts.
double flop_to_first_token(const std::vector<RankCost>& costs);

/// Bytes that all ranks together read to generate `steps` tokens behind the first one, which follows `prompt` tokens:
/// every step reads all weights, but of the embedding one row (all of it where it is the output matrix too), and the
/// keys and values of the tokens up to its own, as far as a layer's window reaches.
double decode_bytes(const ModelConfig& model, const std::vector<TensorInfo>& tensors, DataType kv_type,
                    std::int32_t prompt, std::int32_t steps);

/// The stored type of most of the tensors' bytes.
DataType prevailing_type(const std::vector<TensorInfo>& tensors);

}  // namespace gemring

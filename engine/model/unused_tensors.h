// What a checkpoint holds and a model of its config has no use for: a sign that the config tells of another model.
#pragma once

#include <string_view>

#include "engine/model/config.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

enum class UnusedTensor {
  harmless,  // what the model computes by itself or has twice: rotary frequencies, causal masks
  beside,  // of something beside the decoder of text: a vision tower, a value head, layers that predict further tokens
  decisive,  // part of the decoder: its numbers would be others with it
};

/// Of a tensor that model_tensors(config) does not list. `has_next_token_layers`: the checkpoint brings layers for the
/// prediction of further tokens (DeepSeek's MTP) behind those of the config.
UnusedTensor kind_of_unused(std::string_view name, const ModelConfig& config, bool has_next_token_layers);

/// Throws ModelFileError naming a decisive tensor (a norm, a bias, an adapter, a layer beyond the config's number,
/// ...); warns of those that lie beside, and of an output matrix that is not the embedding it is tied to.
void check_unused_tensors(const TensorSource& source, const ModelConfig& config);

}  // namespace gemring

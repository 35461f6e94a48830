// The tensors of a decoder: what each is for, how files name it, and its shape.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "engine/model/config.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// A projection's weight is [outputs, inputs], its bias [outputs].
enum class TensorRole : std::uint8_t {
  embedding,
  input_norm,
  q,
  k,
  v,
  qkv,  // rows of q, then k, then v
  q_bias,
  k_bias,
  v_bias,
  q_norm,  // [head_dim]
  k_norm,
  o,
  o_bias,
  mlp_norm,
  gate,
  up,
  gate_up,  // rows of gate, then up
  gate_bias,
  up_bias,
  down,
  down_bias,
  output_norm,
  output,
};

struct ModelTensor {
  TensorRole role;
  LayerIndex layer;  // 0 for those that belong to no layer
  std::string name;
  std::vector<std::int64_t> shape;  // outermost first
};

/// The name in files of the given naming.   `layer` is not used by tensors that belong to none
std::string tensor_name(TensorNaming naming, TensorRole role, LayerIndex layer);

/// Every tensor that a checkpoint of this config has, in the order of the data's way.
std::vector<ModelTensor> model_tensors(const ModelConfig& config);

/// Those of one layer.
std::vector<ModelTensor> layer_tensors(const ModelConfig& config, LayerIndex layer);

/// The same as a source states them, all of one type (f32, f16 or bf16), or matrices q4_k and what has no rows of whole
/// blocks bf16: for --random-weights.
std::vector<TensorInfo> expected_tensors(const ModelConfig& config, DataType type);

/// Belongs to a layer (the others: embedding, output_norm, output).
bool is_of_layer(TensorRole role);

/// Needed of the layer whose keys and last query give GemFilter's scores.
bool is_for_scoring(TensorRole role);

}  // namespace gemring

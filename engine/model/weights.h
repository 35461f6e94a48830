// The weights of one layer, of the embedding and of the output, mapped as stored and checked against the config.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "engine/kernels/kernel_table.h"
#include "engine/model/config.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// A stored [rows, cols] matrix and the mapping that keeps it readable. Copies share the mapping.
struct StoredMatrix {
  WeightMatrix matrix;
  std::shared_ptr<const TensorData> data;
};

/// Which tensors of a layer are wanted.
enum class LayerPart {
  whole,
  scoring,  // the filter layer: input norm, q and k
};

/// A linear layer's weights; q, k, v of a fused tensor share its mapping.
struct Projection {
  StoredMatrix weight;      // [outputs, inputs]
  std::vector<float> bias;  // [outputs]; empty: none
};

struct LayerWeights {
  std::vector<float> input_norm;  // [hidden]
  Projection q;                   // [heads * head_dim, hidden]
  Projection k;                   // [kv_heads * head_dim, hidden]
  Projection v;                   // [kv_heads * head_dim, hidden]
  std::vector<float> q_norm;      // [head_dim]; empty: none
  std::vector<float> k_norm;      // [head_dim]
  Projection o;                   // [hidden, heads * head_dim]
  std::vector<float> mlp_norm;    // [hidden]
  Projection gate;                // [ffn, hidden]
  Projection up;                  // [ffn, hidden]
  Projection down;                // [hidden, ffn]
};

/// Throws ModelFileError where a tensor that the config wants is missing or has another shape, or where there are
/// others that would change what the model computes (unused_tensors.h).
void check_tensors(const TensorSource& source, const ModelConfig& config);

/// All throw ModelFileError: a tensor is missing, or its shape is not the config's.
LayerWeights load_layer(const TensorSource& source, const ModelConfig& config, LayerIndex layer, LayerPart part);
StoredMatrix load_embedding(const TensorSource& source, const ModelConfig& config);  // [vocab, hidden]
StoredMatrix load_output_matrix(const TensorSource& source,
                                const ModelConfig& config);  // [vocab, hidden]; not for tied
std::vector<float> load_output_norm(const TensorSource& source, const ModelConfig& config);  // [hidden]

}  // namespace gemring

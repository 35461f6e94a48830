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

struct LayerWeights {
  std::vector<float> input_norm;  // [hidden]
  StoredMatrix q;                 // [heads * head_dim, hidden]
  StoredMatrix k;                 // [kv_heads * head_dim, hidden]
  StoredMatrix v;                 // [kv_heads * head_dim, hidden]
  StoredMatrix o;                 // [hidden, heads * head_dim]
  std::vector<float> mlp_norm;    // [hidden]
  StoredMatrix gate;              // [ffn, hidden]
  StoredMatrix up;                // [ffn, hidden]
  StoredMatrix down;              // [hidden, ffn]
};

/// All throw ModelFileError: a tensor is missing, or its shape is not the config's.
LayerWeights load_layer(const TensorSource& source, const ModelConfig& config, LayerIndex layer, LayerPart part);
StoredMatrix load_embedding(const TensorSource& source, const ModelConfig& config);  // [vocab, hidden]
StoredMatrix load_output_matrix(const TensorSource& source,
                                const ModelConfig& config);  // [vocab, hidden]; not for tied
std::vector<float> load_output_norm(const TensorSource& source, const ModelConfig& config);  // [hidden]

}  // namespace gemring

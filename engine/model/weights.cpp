#include "engine/model/weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "engine/base/error.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
namespace {

const TensorInfo& find_checked(const TensorSource& source, const std::string& name,
                               const std::vector<std::int64_t>& shape) {
  const TensorInfo* info = source.find(name);
  if (info == nullptr) {
    throw ModelFileError({source.location(name), fmt::format("tensor {} is missing", name),
                          "the checkpoint is incomplete or of another family; download it again"});
  }
  if (info->shape != shape) {
    throw ModelFileError({source.location(name),
                          fmt::format("tensor {} has shape [{}], config.json wants [{}]", name,
                                      fmt::join(info->shape, ", "), fmt::join(shape, ", ")),
                          "config.json and the weights are not of the same model"});
  }
  return *info;
}

StoredMatrix load_matrix(const TensorSource& source, const std::string& name, std::int64_t rows, std::int64_t cols) {
  const TensorInfo& info = find_checked(source, name, {rows, cols});
  StoredMatrix stored;
  stored.data = source.load(info);
  stored.matrix = {info.type, stored.data->bytes().data(), static_cast<std::size_t>(rows),
                   static_cast<std::size_t>(cols)};
  return stored;
}

std::vector<float> load_vector(const TensorSource& source, const std::string& name, std::int64_t size) {
  const TensorInfo& info = find_checked(source, name, {size});
  std::vector<float> values(static_cast<std::size_t>(size));
  widen(info.type, source.load(info)->bytes().data(), values.data(), values.size());
  return values;
}

}  // namespace

LayerWeights load_layer(const TensorSource& source, const ModelConfig& config, LayerIndex layer, LayerPart part) {
  const std::string prefix = fmt::format("model.layers.{}.", layer.value());
  LayerWeights w;
  w.input_norm = load_vector(source, prefix + "input_layernorm.weight", config.hidden);
  w.q = load_matrix(source, prefix + "self_attn.q_proj.weight", config.query_width(), config.hidden);
  w.k = load_matrix(source, prefix + "self_attn.k_proj.weight", config.kv_width(), config.hidden);
  if (part == LayerPart::scoring) return w;
  w.v = load_matrix(source, prefix + "self_attn.v_proj.weight", config.kv_width(), config.hidden);
  w.o = load_matrix(source, prefix + "self_attn.o_proj.weight", config.hidden, config.query_width());
  w.mlp_norm = load_vector(source, prefix + "post_attention_layernorm.weight", config.hidden);
  w.gate = load_matrix(source, prefix + "mlp.gate_proj.weight", config.ffn, config.hidden);
  w.up = load_matrix(source, prefix + "mlp.up_proj.weight", config.ffn, config.hidden);
  w.down = load_matrix(source, prefix + "mlp.down_proj.weight", config.hidden, config.ffn);
  return w;
}

StoredMatrix load_embedding(const TensorSource& source, const ModelConfig& config) {
  return load_matrix(source, "model.embed_tokens.weight", config.vocab, config.hidden);
}

StoredMatrix load_output_matrix(const TensorSource& source, const ModelConfig& config) {
  return load_matrix(source, "lm_head.weight", config.vocab, config.hidden);
}

std::vector<float> load_output_norm(const TensorSource& source, const ModelConfig& config) {
  return load_vector(source, "model.norm.weight", config.hidden);
}

}  // namespace gemring

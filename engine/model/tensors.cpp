#include "engine/model/tensors.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "engine/base/check.h"

namespace gemring {
namespace {

struct RoleNames {
  TensorRole role;
  std::string_view hugging_face;  // modeling_llama.py, modeling_phi3.py, modeling_qwen3.py
  std::string_view gguf;          // gguf-py constants.py
};

constexpr std::array kOutsideLayers = {
    RoleNames{TensorRole::embedding, "model.embed_tokens.weight", "token_embd.weight"},
    RoleNames{TensorRole::output_norm, "model.norm.weight", "output_norm.weight"},
    RoleNames{TensorRole::output, "lm_head.weight", "output.weight"},
};

constexpr std::array kOfLayers = {
    RoleNames{TensorRole::input_norm, "input_layernorm.weight", "attn_norm.weight"},
    RoleNames{TensorRole::q, "self_attn.q_proj.weight", "attn_q.weight"},
    RoleNames{TensorRole::k, "self_attn.k_proj.weight", "attn_k.weight"},
    RoleNames{TensorRole::v, "self_attn.v_proj.weight", "attn_v.weight"},
    RoleNames{TensorRole::qkv, "self_attn.qkv_proj.weight", "attn_qkv.weight"},
    RoleNames{TensorRole::q_bias, "self_attn.q_proj.bias", "attn_q.bias"},
    RoleNames{TensorRole::k_bias, "self_attn.k_proj.bias", "attn_k.bias"},
    RoleNames{TensorRole::v_bias, "self_attn.v_proj.bias", "attn_v.bias"},
    RoleNames{TensorRole::q_norm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
    RoleNames{TensorRole::k_norm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
    RoleNames{TensorRole::o, "self_attn.o_proj.weight", "attn_output.weight"},
    RoleNames{TensorRole::o_bias, "self_attn.o_proj.bias", "attn_output.bias"},
    RoleNames{TensorRole::mlp_norm, "post_attention_layernorm.weight", "ffn_norm.weight"},
    RoleNames{TensorRole::gate, "mlp.gate_proj.weight", "ffn_gate.weight"},
    RoleNames{TensorRole::up, "mlp.up_proj.weight", "ffn_up.weight"},
    RoleNames{TensorRole::gate_up, "mlp.gate_up_proj.weight", "ffn_up.weight"},
    RoleNames{TensorRole::gate_bias, "mlp.gate_proj.bias", "ffn_gate.bias"},
    RoleNames{TensorRole::up_bias, "mlp.up_proj.bias", "ffn_up.bias"},
    RoleNames{TensorRole::down, "mlp.down_proj.weight", "ffn_down.weight"},
    RoleNames{TensorRole::down_bias, "mlp.down_proj.bias", "ffn_down.bias"},
};

/// Appends the tensors of one layer, or of what lies outside of layers.
class TensorList {
 public:
  TensorList(const ModelConfig& config, LayerIndex layer, std::vector<ModelTensor>& out)
      : naming_(config.naming), layer_(layer), out_(out) {}

  void matrix(TensorRole role, std::int64_t rows, std::int64_t cols) { add(role, {rows, cols}); }
  void vector(TensorRole role, std::int64_t size) { add(role, {size}); }

 private:
  void add(TensorRole role, std::vector<std::int64_t> shape) {
    out_.push_back({role, layer_, tensor_name(naming_, role, layer_), std::move(shape)});
  }

  TensorNaming naming_;
  LayerIndex layer_;
  std::vector<ModelTensor>& out_;
};

void add_attention(const ModelConfig& config, const LayerShape& layer, TensorList& list) {
  const std::int64_t q = config.query_width();
  const std::int64_t kv = config.kv_width();
  list.vector(TensorRole::input_norm, config.hidden);
  if (config.fused_projections) {
    list.matrix(TensorRole::qkv, q + 2 * kv, config.hidden);
  } else {
    list.matrix(TensorRole::q, q, config.hidden);
    list.matrix(TensorRole::k, kv, config.hidden);
    list.matrix(TensorRole::v, kv, config.hidden);
  }
  if (layer.qkv_bias) {
    list.vector(TensorRole::q_bias, q);
    list.vector(TensorRole::k_bias, kv);
    list.vector(TensorRole::v_bias, kv);
  }
  if (layer.qk_norm) {
    list.vector(TensorRole::q_norm, config.head_dim);
    list.vector(TensorRole::k_norm, config.head_dim);
  }
  list.matrix(TensorRole::o, config.hidden, q);
  if (layer.o_bias) list.vector(TensorRole::o_bias, config.hidden);
}

void add_gated_mlp(const ModelConfig& config, const LayerShape& layer, TensorList& list) {
  list.vector(TensorRole::mlp_norm, config.hidden);
  if (config.fused_projections) {
    list.matrix(TensorRole::gate_up, 2 * std::int64_t{config.ffn}, config.hidden);
  } else {
    list.matrix(TensorRole::gate, config.ffn, config.hidden);
    list.matrix(TensorRole::up, config.ffn, config.hidden);
  }
  list.matrix(TensorRole::down, config.hidden, config.ffn);
  if (!layer.mlp_bias) return;
  list.vector(TensorRole::gate_bias, config.ffn);
  list.vector(TensorRole::up_bias, config.ffn);
  list.vector(TensorRole::down_bias, config.hidden);
}

}  // namespace

std::string tensor_name(TensorNaming naming, TensorRole role, LayerIndex layer) {
  const bool gguf = naming == TensorNaming::gguf;
  for (const RoleNames& names : kOutsideLayers) {
    if (names.role == role) return std::string(gguf ? names.gguf : names.hugging_face);
  }
  for (const RoleNames& names : kOfLayers) {
    if (names.role != role) continue;
    return gguf ? fmt::format("blk.{}.{}", layer.value(), names.gguf)
                : fmt::format("model.layers.{}.{}", layer.value(), names.hugging_face);
  }
  throw InternalError(fmt::format("tensor role {} has no name", static_cast<int>(role)));
}

std::vector<ModelTensor> layer_tensors(const ModelConfig& config, LayerIndex layer) {
  std::vector<ModelTensor> tensors;
  TensorList list(config, layer, tensors);
  const LayerShape& shape = config.layer(layer);
  switch (shape.mixer) {
    case Mixer::attention:
      add_attention(config, shape, list);
      break;
  }
  switch (shape.mlp) {
    case Mlp::gated:
      add_gated_mlp(config, shape, list);
      break;
  }
  return tensors;
}

std::vector<ModelTensor> model_tensors(const ModelConfig& config) {
  std::vector<ModelTensor> tensors;
  TensorList outside(config, LayerIndex(0), tensors);
  outside.matrix(TensorRole::embedding, config.vocab, config.hidden);
  for (LayerIndex layer(0); layer < LayerIndex(config.layer_count()); ++layer) {
    for (ModelTensor& tensor : layer_tensors(config, layer)) tensors.push_back(std::move(tensor));
  }
  outside.vector(TensorRole::output_norm, config.hidden);
  if (!config.tied_embeddings) outside.matrix(TensorRole::output, config.vocab, config.hidden);
  return tensors;
}

std::vector<TensorInfo> expected_tensors(const ModelConfig& config, DataType type) {
  std::vector<TensorInfo> infos;
  for (ModelTensor& tensor : model_tensors(config)) {
    const auto cols = static_cast<std::size_t>(tensor.shape.back());
    const bool blocks = tensor.shape.size() == 2 && cols % block_elements(type) == 0;
    const DataType own = is_block_type(type) && !blocks ? DataType::bf16 : type;
    std::uint64_t bytes = row_bytes(own, cols);
    for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) bytes *= static_cast<std::uint64_t>(tensor.shape[i]);
    infos.push_back({std::move(tensor.name), own, std::move(tensor.shape), bytes});
  }
  return infos;
}

bool is_of_layer(TensorRole role) {
  return role != TensorRole::embedding && role != TensorRole::output_norm && role != TensorRole::output;
}

bool is_for_scoring(TensorRole role) {
  switch (role) {
    case TensorRole::input_norm:
    case TensorRole::q:
    case TensorRole::k:
    case TensorRole::qkv:
    case TensorRole::q_bias:
    case TensorRole::k_bias:
    case TensorRole::q_norm:
    case TensorRole::k_norm:
      return true;
    default:
      return false;
  }
}

}  // namespace gemring

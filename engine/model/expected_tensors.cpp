#include <fmt/format.h>

#include "engine/model/config.h"

namespace gemring {

// Names of modeling_llama.py; a projection's weight is [out, in].
std::vector<TensorInfo> expected_tensors(const ModelConfig& config, DataType type) {
  std::vector<TensorInfo> tensors;
  const auto add = [&](std::string name, std::vector<std::int64_t> shape) {
    std::uint64_t bytes = bytes_per_element(type);
    for (const std::int64_t extent : shape) bytes *= static_cast<std::uint64_t>(extent);
    tensors.push_back({std::move(name), type, std::move(shape), bytes});
  };
  add("model.embed_tokens.weight", {config.vocab, config.hidden});
  for (std::int32_t layer = 0; layer < config.layers; ++layer) {
    const std::string prefix = fmt::format("model.layers.{}.", layer);
    add(prefix + "input_layernorm.weight", {config.hidden});
    add(prefix + "self_attn.q_proj.weight", {config.query_width(), config.hidden});
    add(prefix + "self_attn.k_proj.weight", {config.kv_width(), config.hidden});
    add(prefix + "self_attn.v_proj.weight", {config.kv_width(), config.hidden});
    add(prefix + "self_attn.o_proj.weight", {config.hidden, config.query_width()});
    add(prefix + "post_attention_layernorm.weight", {config.hidden});
    add(prefix + "mlp.gate_proj.weight", {config.ffn, config.hidden});
    add(prefix + "mlp.up_proj.weight", {config.ffn, config.hidden});
    add(prefix + "mlp.down_proj.weight", {config.hidden, config.ffn});
  }
  add("model.norm.weight", {config.hidden});
  if (!config.tied_embeddings) add("lm_head.weight", {config.vocab, config.hidden});
  return tensors;
}

}  // namespace gemring

// A model small enough to count by hand.
#pragma once

#include "distributed/plan/cost.h"

namespace gemring {

/// 3 layers, hidden 8, 4 query heads and 2 KV heads of 4 (so 16 and 8 wide), ffn 10, vocab 20, f32. Bytes: embedding
/// 640; a layer 2560 = norms 2 x 32 + q 512 + k 256 + v 256 + o 512 + gate, up, down 320 each; norm 32; lm_head 640.
/// Prompt 11, keep 4, 3 new tokens, filter layer 1, token blocks of 5.
inline PlanInputs small_inputs() {
  PlanInputs inputs;
  inputs.model.layers.resize(3);
  inputs.model.hidden = 8;
  inputs.model.heads = 4;
  inputs.model.kv_heads = 2;
  inputs.model.head_dim = 4;
  inputs.model.ffn = 10;
  inputs.model.vocab = 20;
  const auto add = [&](const std::string& name, std::uint64_t bytes) {
    inputs.tensors.push_back({.name = name, .type = DataType::f32, .shape = {}, .bytes = bytes});
  };
  add("lm_head.weight", 640);
  add("model.embed_tokens.weight", 640);
  for (const std::string layer : {"0", "1", "2"}) {
    const std::string prefix = "model.layers." + layer + ".";
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) add(prefix + norm + ".weight", 32);
    for (const char* wide : {"q_proj", "o_proj"}) add(prefix + "self_attn." + wide + ".weight", 512);
    for (const char* narrow : {"k_proj", "v_proj"}) add(prefix + "self_attn." + narrow + ".weight", 256);
    for (const char* part : {"gate_proj", "up_proj", "down_proj"}) add(prefix + "mlp." + part + ".weight", 320);
  }
  add("model.norm.weight", 32);
  inputs.prompt_tokens = 11;
  inputs.keep = 4;
  inputs.max_new_tokens = 3;
  inputs.filter_layer = LayerIndex(1);
  inputs.token_block = 5;
  return inputs;
}

}  // namespace gemring

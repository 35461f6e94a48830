// The families of decoders that gemring computes: what sets each apart. One decoder layer serves all of them.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace gemring {

/// Which layers of a family look back at a window of tokens only.
enum class WindowRule {
  none,             // config.json's sliding_window means nothing to this family and must be null
  stated,           // every layer, where sliding_window gives a number
  after_full_ones,  // with use_sliding_window: the layers from max_window_layers on, unless layer_types lists them
};

struct Family {
  std::string_view model_type;         // config.json
  std::string_view architecture;       // config.json's class of the model
  std::string_view gguf_architecture;  // general.architecture
  bool qkv_bias = false;               // always; others where config.json's attention_bias says so
  bool qk_norm = false;                // RMSNorm of each head of q and k before RoPE
  bool fused = false;                  // q, k, v rows in one tensor, and gate, up
  WindowRule window = WindowRule::none;
};

/// modeling_*.py of transformers; general.architecture of GGUF (llama.cpp writes Mistral, SmolLM2 and TinyLlama as
/// llama).
inline constexpr Family kFamilies[] = {
    {.model_type = "llama", .architecture = "LlamaForCausalLM", .gguf_architecture = "llama"},
    {.model_type = "mistral",
     .architecture = "MistralForCausalLM",
     .gguf_architecture = "llama",
     .window = WindowRule::stated},
    {.model_type = "phi3",
     .architecture = "Phi3ForCausalLM",
     .gguf_architecture = "phi3",
     .fused = true,
     .window = WindowRule::stated},
    {.model_type = "qwen2",
     .architecture = "Qwen2ForCausalLM",
     .gguf_architecture = "qwen2",
     .qkv_bias = true,
     .window = WindowRule::after_full_ones},
    {.model_type = "qwen3",
     .architecture = "Qwen3ForCausalLM",
     .gguf_architecture = "qwen3",
     .qk_norm = true,
     .window = WindowRule::after_full_ones},
};

/// nullptr where there is none. For GGUF the first of those that share an architecture.
const Family* find_family(std::string_view model_type);
const Family* find_gguf_family(std::string_view architecture);

/// "llama, mistral, ...": for refusals.
std::string known_families();
std::string known_gguf_architectures();

}  // namespace gemring

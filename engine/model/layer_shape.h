// What one decoder layer computes. A family is the shapes of its layers: the readers of files fill them, and the
// decoder layer, the tensors, cost and memory read them; none of these asks for a family.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/attention/attention.h"
#include "engine/base/types.h"

namespace gemring {

/// Kinds of which a layer has one. They are enums though each has one value: a switch that leaves out a value does not
/// compile, so whoever adds one is led to all that depend on it.
enum class Mixer { attention };  // how tokens meet: softmax(q K^T / sqrt(head_dim)) V
enum class Mlp { gated };        // down(activation(gate(x)) * up(x))
enum class Activation { silu };  // x / (1 + e^-x)

/// Every field is honoured by DecoderLayer or by what it calls. A reader refuses by name what no field can say: norms
/// behind attention and MLP, caps of scores and sinks are to come with the code that honours them.
struct LayerShape {
  Mixer mixer = Mixer::attention;
  std::int32_t window = kNoWindow;  // keys that a query sees, its own included
  std::size_t rope = 0;             // which of ModelConfig::ropes turns q and k
  bool qkv_bias = false;
  bool o_bias = false;
  bool qk_norm = false;   // RMSNorm of each head of q and k, before RoPE
  float query_scale = 0;  // of q K^T, in softmax; 0: 1 / sqrt(head_dim)
  Mlp mlp = Mlp::gated;
  Activation activation = Activation::silu;
  bool mlp_bias = false;  // of gate, up and down

  AttentionShape attention() const { return {window}; }
  bool operator==(const LayerShape&) const = default;
};

}  // namespace gemring

#include <fmt/format.h>

#include <functional>
#include <set>

#include "engine/model/config.h"

namespace gemring {
namespace {

/// A short name of a list of numbers: equal lists have equal ones.
std::string list_text(const std::vector<float>& values) {
  if (values.empty()) return "none";
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) sum += static_cast<double>(values[i]) * static_cast<double>(i + 1);
  return fmt::format("{} from {} to {} (checksum {})", values.size(), values.front(), values.back(), sum);
}

std::string scaling_text(const RopeConfig& rope) {
  switch (rope.kind) {
    case RopeConfig::Kind::plain:
      return "";
    case RopeConfig::Kind::linear:
      return fmt::format(", stretched by {}", rope.factor);
    case RopeConfig::Kind::llama3:
      return fmt::format(", llama3 scaling by {} between {} and {} of {} positions", rope.factor,
                         rope.low_frequency_factor, rope.high_frequency_factor, rope.original_max_positions);
    case RopeConfig::Kind::yarn:
      return fmt::format(", YaRN scaling by {} between {} and {} rotations of {} positions, attention factor {}",
                         rope.factor, rope.beta_slow, rope.beta_fast, rope.original_max_positions,
                         rope.attention_factor);
    case RopeConfig::Kind::divisors:
      break;
  }
  if (rope.long_divisors.empty()) return fmt::format(", divisors {}", list_text(rope.divisors));
  return fmt::format(", longrope: divisors {}; beyond {} positions {}; attention factor {}", list_text(rope.divisors),
                     rope.original_max_positions, list_text(rope.long_divisors), rope.attention_factor);
}

/// ", WHAT", with the layers that have it where not all do; nothing where none does.
std::string of_layers(const ModelConfig& config, const std::string& what,
                      const std::function<bool(const LayerShape&)>& has) {
  std::string layers;
  bool all = true;
  for (std::int32_t i = 0; i < config.layer_count(); ++i) {
    if (has(config.layer(LayerIndex(i))))
      layers += fmt::format(" {}", i);
    else
      all = false;
  }
  if (layers.empty()) return "";
  return all ? ", " + what : fmt::format(", {} in layers{}", what, layers);
}

std::string layers_text(const ModelConfig& config) {
  std::string text =
      of_layers(config, "biases on q, k, v", [](const LayerShape& layer) { return layer.qkv_bias; }) +
      of_layers(config, "bias on o", [](const LayerShape& layer) { return layer.o_bias; }) +
      of_layers(config, "biases on gate, up, down", [](const LayerShape& layer) { return layer.mlp_bias; }) +
      of_layers(config, "q and k norms", [](const LayerShape& layer) { return layer.qk_norm; });
  std::set<float> scales;
  for (const LayerShape& layer : config.layers) scales.insert(layer.query_scale);
  scales.erase(0);
  for (const float scale : scales) {
    text += of_layers(config, fmt::format("query scale {}", scale),
                      [&](const LayerShape& layer) { return layer.query_scale == scale; });
  }
  std::set<std::int32_t> windows;
  for (const LayerShape& layer : config.layers) windows.insert(layer.window);
  windows.erase(kNoWindow);
  for (const std::int32_t window : windows) {
    text += of_layers(config, fmt::format("window of {} tokens", window),
                      [&](const LayerShape& layer) { return layer.window == window; });
  }
  for (std::size_t rope = 0; rope < config.ropes.size(); ++rope) {
    text += of_layers(config, fmt::format("rope {}", describe(config.ropes[rope])),
                      [&](const LayerShape& layer) { return layer.rope == rope; });
  }
  return text;
}

}  // namespace

std::string describe(const RopeConfig& rope) {
  return fmt::format("theta {}{}{}", rope.theta, scaling_text(rope),
                     rope.pairs == RopeConfig::Pairs::interleaved ? ", interleaved pairs" : "");
}

std::string describe(const std::vector<RopeConfig>& ropes) {
  std::string text;
  for (const RopeConfig& rope : ropes) text += (text.empty() ? "" : "; ") + describe(rope);
  return text;
}

std::string describe(const ModelConfig& config) {
  std::string text = fmt::format(
      "{}, {} layers, hidden {}, {} query heads, {} KV heads of {}, ffn {}, vocabulary {}, {} positions, epsilon {}, "
      "{} embeddings{}, end tokens",
      config.family, config.layer_count(), config.hidden, config.heads, config.kv_heads, config.head_dim, config.ffn,
      config.vocab, config.max_positions, config.norm_epsilon, config.tied_embeddings ? "tied" : "untied",
      layers_text(config));
  for (const TokenId id : config.end_tokens) text += fmt::format(" {}", id.value());
  return text;
}

}  // namespace gemring

#include <fmt/format.h>

#include <algorithm>

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

std::string window_text(const ModelConfig& config) {
  if (config.windows.empty()) return "";
  const auto windowed = std::count_if(config.windows.begin(), config.windows.end(),
                                      [](std::int32_t window) { return window != kNoWindow; });
  std::size_t first = 0;
  std::string layers;
  for (std::size_t i = 0; i < config.windows.size(); ++i) {
    if (config.windows[i] == kNoWindow) continue;
    if (layers.empty()) first = i;
    layers += fmt::format("{}{}", layers.empty() ? "" : " ", i);
  }
  const bool all = static_cast<std::size_t>(windowed) == config.windows.size();
  return fmt::format(", window of {} tokens in {}", config.windows[first], all ? "every layer" : "layers " + layers);
}

}  // namespace

std::string describe(const RopeConfig& rope) {
  return fmt::format("theta {}{}{}", rope.theta, scaling_text(rope),
                     rope.pairs == RopeConfig::Pairs::interleaved ? ", interleaved pairs" : "");
}

std::string describe(const ModelConfig& config) {
  std::string text = fmt::format(
      "{}, {} layers, hidden {}, {} query heads, {} KV heads of {}, ffn {}, vocabulary {}, {} positions, epsilon {}, "
      "{} embeddings{}{}{}{}{}, rope {}, end tokens",
      config.family, config.layers, config.hidden, config.heads, config.kv_heads, config.head_dim, config.ffn,
      config.vocab, config.max_positions, config.norm_epsilon, config.tied_embeddings ? "tied" : "untied",
      config.qkv_bias ? ", biases on q, k, v" : "", config.o_bias ? ", on o" : "",
      config.mlp_bias ? ", on gate, up, down" : "", config.qk_norm ? ", q and k norms" : "", window_text(config),
      describe(config.rope));
  for (const TokenId id : config.end_tokens) text += fmt::format(" {}", id.value());
  return text;
}

}  // namespace gemring

// What was said before becomes less likely: the penalties of llama.cpp (llama-sampler.cpp, llama_sampler_penalties).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/types.h"

namespace gemring {

/// Of a token that stands c > 0 times among the last `last_n` tokens of prompt and answer, the logit l becomes
///
///     l' = (l > 0 ? l / repeat : l * repeat) - c * frequency - presence
struct PenaltyOptions {
  float repeat = 1.0f;       // 1: none. 1.1 is usual; below 1 repetition is encouraged
  float presence = 0.0f;     // 0: none. Once for a token that occurred
  float frequency = 0.0f;    // 0: none. As often as the token occurred
  std::int32_t last_n = 64;  // tokens looked back over, the prompt's end included; 0: none, -1: all

  bool any() const { return last_n != 0 && (repeat != 1.0f || presence != 0.0f || frequency != 0.0f); }
};

/// Throws UsageError: repeat outside [0.01, 100], presence or frequency outside [-100, 100], last_n < -1, or not
/// finite. Wider ones would only make logits infinite.
void validate(const PenaltyOptions& options);

/// The penalties of one request.
class Penalties {
 public:
  Penalties(const PenaltyOptions& options, std::size_t vocab_size);

  /// Appends to the tokens that count. Requires: ids within the vocabulary.
  void accept(std::span<const TokenId> tokens);

  /// logits: [at most vocab], in place.
  void apply(std::span<float> logits) const;

 private:
  PenaltyOptions options_;
  std::vector<std::int32_t> counts_;  // [vocab], among the last last_n tokens
  std::vector<TokenId> window_;       // these tokens, a ring that begins at oldest_ where it is full; unused for all
  std::size_t oldest_ = 0;
};

}  // namespace gemring

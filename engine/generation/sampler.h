// The next token from logits, and when to stop. Runs on rank 0 only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/types.h"

namespace gemring {

struct SamplingOptions {
  float temperature = 0.0f;  // 0: greedy. 0.7-1.0 is usual for open text
  std::int32_t top_k = 0;    // 0: all tokens
  float top_p = 1.0f;        // 1: all tokens. Nucleus: smallest set of best tokens with at least this probability
  std::uint64_t seed = 0;    // with the position, decides each random number: the same text for any number of ranks
};

/// Throws UsageError: temperature < 0, top_k < 0, top_p outside (0, 1], or not finite.
void validate(const SamplingOptions& options);

class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options, std::size_t vocab_size);

  /// logits: [vocab]; the token for GlobalPosition `position`. Greedy ties go to the lower id. NaN logits throw InternalError. No allocation
  /// after construction. Ids from `tokens_known` on (padding rows of the embedding) are never chosen where
  /// set_known_tokens was called.
  TokenId sample(std::span<const float> logits, GlobalPosition position);

  /// Ids >= count have no token (config.json's vocab_size may exceed the tokenizer's).
  void set_known_tokens(std::size_t count) { known_tokens_ = count; }

 private:
  SamplingOptions options_;
  std::size_t known_tokens_;
  std::vector<std::int32_t> order_;    // candidate ids, best first
  std::vector<float> probabilities_;  // of order_, before normalisation
};

/// A number in [0, 1) that depends on seed and position alone (splitmix64).
double keyed_uniform(std::uint64_t seed, GlobalPosition position);

/// Why generation ended, or that it goes on.
enum class StopReason { none, end_token, length };

struct StopRules {
  std::vector<TokenId> end_tokens;      // any eos id of config.json or generation_config.json
  std::int32_t max_new_tokens = 256;
  bool ignore_end_tokens = false;

  /// After `generated` tokens (>= 1), the last of which is `token`.
  StopReason check(TokenId token, std::int32_t generated) const;
};

}  // namespace gemring

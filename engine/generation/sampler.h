// The next token from logits, and when to stop. Runs on rank 0 only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/types.h"

namespace gemring {

/// The order of application is temperature, top-k, top-p (that of Hugging Face transformers).
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

  /// logits: [vocab]; the token for GlobalPosition `position`. Ties go to the lower id. A NaN logit, or none that is
  /// finite, throws InternalError. No allocation after construction. Ids that set_known_tokens excluded are neither
  /// chosen nor read.
  TokenId sample(std::span<const float> logits, GlobalPosition position);

  /// Ids >= count (padding rows of the embedding: config.json's vocab_size may exceed the tokenizer's) have no token.
  void set_known_tokens(std::size_t count) { known_tokens_ = count; }

 private:
  // Candidates are order_[0, count); each step below narrows or weighs them.
  std::size_t take_top_k(std::span<const float> logits);
  void weigh(std::span<const float> logits, float largest, std::size_t count);
  std::size_t take_top_p(std::span<const float> logits, float largest, std::size_t count);
  void sort_best(std::span<const float> logits, std::size_t begin, std::size_t middle, std::size_t end);
  std::size_t draw(std::size_t count, double uniform) const;

  SamplingOptions options_;
  std::size_t known_tokens_;
  std::vector<std::int32_t> order_;   // candidate ids; best first where top-k or top-p sorted them, else by id
  std::vector<float> probabilities_;  // of order_, before normalisation: exp((logit - largest) / temperature)
};

/// A number in [0, 1) that depends on seed and position alone (splitmix64).
double keyed_uniform(std::uint64_t seed, GlobalPosition position);

/// Why generation ended, or that it goes on.
enum class StopReason { none, end_token, length };

struct StopRules {
  std::vector<TokenId> end_tokens;  // any eos id of config.json or generation_config.json
  std::int32_t max_new_tokens = 256;
  bool ignore_end_tokens = false;

  /// After `generated` tokens (>= 1), the last of which is `token`.
  StopReason check(TokenId token, std::int32_t generated) const;
};

}  // namespace gemring

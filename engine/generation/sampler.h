// The next token from logits. Runs on rank 0 only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/types.h"
#include "engine/generation/penalties.h"

namespace gemring {

/// The order of application: penalties, temperature, top-k, top-p (that of Hugging Face transformers), min-p. Min-p has
/// llama.cpp's meaning, where temperature comes last: it looks at probabilities of temperature 1.
struct SamplingOptions {
  float temperature = 0.0f;  // 0: greedy, of penalised logits. 0.7-1.0 is usual for open text
  std::int32_t top_k = 0;    // 0: all tokens
  float top_p = 1.0f;        // 1: all tokens. Nucleus: smallest set of best tokens with at least this probability
  float min_p = 0.0f;        // 0: all tokens. At least this share of the best one's probability
  PenaltyOptions penalties = {};
  std::uint64_t seed = 0;  // with the position, decides each random number: the same text for any number of ranks
};

/// Throws UsageError: temperature < 0, top_k < 0, top_p outside (0, 1], min_p outside [0, 1], penalties out of range,
/// or not finite.
void validate(const SamplingOptions& options);

/// The tokens of one request.
class Sampler {
 public:
  explicit Sampler(const SamplingOptions& options, std::size_t vocab_size);

  /// Tokens that penalties count: the prompt's as the user gave it, in front of the first sample() (llama.cpp's
  /// programs count the prompt as well), and each token that was sampled. Requires: ids within the vocabulary.
  void accept(std::span<const TokenId> tokens);

  /// logits: [vocab]; the token for GlobalPosition `position`. Ties go to the lower id. A NaN logit, or none that is
  /// finite, throws InternalError. No allocation after construction. Ids without a token are neither chosen nor read.
  TokenId sample(std::span<const float> logits, GlobalPosition position);

  /// Which ids have a token: those below `count` (padding rows of the embedding: config.json's vocab_size may exceed
  /// the tokenizer's) but for `holes`.
  void set_known_tokens(std::size_t count, std::span<const TokenId> holes = {});

 private:
  // Logits with penalties, or the argument itself where nothing changes them; -infinity at holes.
  std::span<const float> adjust(std::span<const float> logits);
  // Candidates are order_[0, count); each step below narrows or weighs them.
  std::size_t take_top_k(std::span<const float> logits);
  void weigh(std::span<const float> logits, float largest, std::size_t count);
  std::size_t take_top_p(std::span<const float> logits, float largest, std::size_t count);
  std::size_t take_min_p(std::span<const float> logits, float largest, std::size_t count);
  void sort_best(std::span<const float> logits, std::size_t begin, std::size_t middle, std::size_t end);
  std::size_t draw(std::size_t count, double uniform) const;

  SamplingOptions options_;
  std::size_t known_tokens_;
  std::vector<TokenId> holes_;  // below known_tokens_
  std::optional<Penalties> penalties_;
  std::vector<float> adjusted_;       // [vocab], where there are penalties or holes
  std::vector<std::int32_t> order_;   // candidate ids; best first where top-k or top-p sorted them, else by id
  std::vector<float> probabilities_;  // of order_, before normalisation: exp((logit - largest) / temperature)
};

/// A number in [0, 1) that depends on seed and position alone (splitmix64).
double keyed_uniform(std::uint64_t seed, GlobalPosition position);

}  // namespace gemring

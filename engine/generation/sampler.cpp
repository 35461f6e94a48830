#include "engine/generation/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/random.h"

namespace gemring {

namespace {

constexpr std::size_t kFirstNucleus = 64;  // candidates sorted at first for top-p; most distributions need no more

// The best id; the lowest of equals.
std::size_t argmax(std::span<const float> logits) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    GEMRING_CHECK(!std::isnan(logits[i]), "logit {} of {} is NaN", i, logits.size());
    if (logits[i] > logits[best]) best = i;
  }
  GEMRING_CHECK(std::isfinite(logits[best]), "the largest of {} logits is {}", logits.size(), logits[best]);
  return best;
}

void require(bool holds, const char* option, const std::string& problem, const char* advice) {
  if (!holds) throw UsageError({option, problem, advice});
}

}  // namespace

void validate(const SamplingOptions& options) {
  require(std::isfinite(options.temperature) && options.temperature >= 0.0f, "--temperature",
          fmt::format("{} is not 0 or more", options.temperature), "0 is greedy; 0.7 to 1 is usual for open text");
  require(options.top_k >= 0, "--top-k", fmt::format("{} is negative", options.top_k), "0 leaves all tokens in");
  require(options.top_p > 0.0f && options.top_p <= 1.0f, "--top-p", fmt::format("{} is not in (0, 1]", options.top_p),
          "1 leaves all tokens in");
  require(options.min_p >= 0.0f && options.min_p <= 1.0f, "--min-p", fmt::format("{} is not in [0, 1]", options.min_p),
          "0 leaves all tokens in");
  validate(options.penalties);
}

Sampler::Sampler(const SamplingOptions& options, std::size_t vocab_size)
    : options_(options), known_tokens_(vocab_size), order_(vocab_size), probabilities_(vocab_size) {
  validate(options);
  if (!options.penalties.any()) return;
  penalties_.emplace(options.penalties, vocab_size);
  adjusted_.resize(vocab_size);
}

void Sampler::set_known_tokens(std::size_t count, std::span<const TokenId> holes) {
  known_tokens_ = count;
  holes_.clear();
  std::copy_if(holes.begin(), holes.end(), std::back_inserter(holes_),
               [this](TokenId id) { return id.index() < std::min(known_tokens_, order_.size()); });
  if (!holes_.empty()) adjusted_.resize(order_.size());
}

void Sampler::accept(std::span<const TokenId> tokens) {
  if (penalties_) penalties_->accept(tokens);
}

std::span<const float> Sampler::adjust(std::span<const float> logits) {
  if (!penalties_ && holes_.empty()) return logits;
  const std::span<float> adjusted = std::span(adjusted_).first(logits.size());
  std::copy(logits.begin(), logits.end(), adjusted.begin());
  if (penalties_) penalties_->apply(adjusted);
  for (const TokenId hole : holes_) adjusted[hole.index()] = -std::numeric_limits<float>::infinity();
  return adjusted;
}

TokenId Sampler::sample(std::span<const float> logits, GlobalPosition position) {
  GEMRING_CHECK(logits.size() == order_.size(), "{} logits, vocabulary of {}", logits.size(), order_.size());
  logits = adjust(logits.first(std::min(known_tokens_, logits.size())));
  GEMRING_CHECK(!logits.empty(), "no token to choose from");
  const std::size_t best = argmax(logits);
  if (options_.temperature == 0.0f || options_.top_k == 1) return TokenId(best);

  std::size_t count = take_top_k(logits);
  weigh(logits, logits[best], count);
  if (options_.top_p < 1.0f) count = take_top_p(logits, logits[best], count);
  if (options_.min_p > 0.0f) count = take_min_p(logits, logits[best], count);
  return TokenId(order_[draw(count, keyed_uniform(options_.seed, position))]);
}

// Sorts candidates [begin, middle) to be the best of [begin, end), best first; equals by id.
void Sampler::sort_best(std::span<const float> logits, std::size_t begin, std::size_t middle, std::size_t end) {
  const auto better = [logits](std::int32_t a, std::int32_t b) {
    const float logit_a = logits[static_cast<std::size_t>(a)], logit_b = logits[static_cast<std::size_t>(b)];
    return logit_a != logit_b ? logit_a > logit_b : a < b;
  };
  const auto at = [this](std::size_t i) { return order_.begin() + static_cast<std::ptrdiff_t>(i); };
  if (middle < end) std::nth_element(at(begin), at(middle), at(end), better);
  std::sort(at(begin), at(middle), better);
}

std::size_t Sampler::take_top_k(std::span<const float> logits) {
  const std::size_t n = logits.size();
  std::iota(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(n), 0);
  const auto k = static_cast<std::size_t>(options_.top_k);
  if (k == 0 || k >= n) return n;
  sort_best(logits, 0, k, n);
  return k;
}

void Sampler::weigh(std::span<const float> logits, float largest, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    probabilities_[i] = std::exp((logits[static_cast<std::size_t>(order_[i])] - largest) / options_.temperature);
  }
}

std::size_t Sampler::take_top_p(std::span<const float> logits, float largest, std::size_t count) {
  const double total =
      std::accumulate(probabilities_.begin(), probabilities_.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
  double sum = 0.0;
  for (std::size_t sorted = 0; sorted < count;) {
    const std::size_t until = std::min(count, std::max(kFirstNucleus, 8 * sorted));
    sort_best(logits, sorted, until, count);
    for (; sorted < until; ++sorted) {
      const float logit = logits[static_cast<std::size_t>(order_[sorted])];
      probabilities_[sorted] = std::exp((logit - largest) / options_.temperature);
      sum += probabilities_[sorted];
      if (sum >= static_cast<double>(options_.top_p) * total) return sorted + 1;
    }
  }
  return count;
}

std::size_t Sampler::take_min_p(std::span<const float> logits, float largest, std::size_t count) {
  const float least = largest + std::log(options_.min_p);
  std::size_t left = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (logits[static_cast<std::size_t>(order_[i])] < least) continue;
    order_[left] = order_[i];
    probabilities_[left++] = probabilities_[i];
  }
  return left;
}

std::size_t Sampler::draw(std::size_t count, double uniform) const {
  const auto end = probabilities_.begin() + static_cast<std::ptrdiff_t>(count);
  const double target = uniform * std::accumulate(probabilities_.begin(), end, 0.0);
  double sum = 0.0;
  std::size_t last_possible = 0;  // where rounding leaves the sum below the target
  for (std::size_t i = 0; i < count; ++i) {
    if (probabilities_[i] == 0.0f) continue;
    sum += probabilities_[i];
    last_possible = i;
    if (target < sum) break;
  }
  return last_possible;
}

double keyed_uniform(std::uint64_t seed, GlobalPosition position) {
  // Hashed one after the other: seed + position would give neighbouring seeds the same numbers one position apart.
  const std::uint64_t bits = splitmix64(splitmix64(seed) ^ static_cast<std::uint32_t>(position.value()));
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace gemring

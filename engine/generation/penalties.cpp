#include "engine/generation/penalties.h"

#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {

namespace {

constexpr std::int32_t kAll = -1;

void require_within(float value, float least, float most, const char* option, const char* advice) {
  if (value >= least && value <= most) return;  // not of NaN
  throw UsageError({option, fmt::format("{} is not in [{}, {}]", value, least, most), advice});
}

}  // namespace

void validate(const PenaltyOptions& options) {
  require_within(options.repeat, 0.01f, 100.0f, "--repeat-penalty", "1 is none, 1.1 is usual");
  require_within(options.presence, -100.0f, 100.0f, "--presence-penalty", "0 is none");
  require_within(options.frequency, -100.0f, 100.0f, "--frequency-penalty", "0 is none");
  if (options.last_n < kAll) {
    throw UsageError({"--repeat-last-n", fmt::format("{} tokens", options.last_n), "0 is none, -1 all of them"});
  }
}

Penalties::Penalties(const PenaltyOptions& options, std::size_t vocab_size) : options_(options), counts_(vocab_size) {
  validate(options);
}

void Penalties::accept(std::span<const TokenId> tokens) {
  if (options_.last_n != kAll) {
    const auto last_n = static_cast<std::size_t>(options_.last_n);
    if (last_n == 0) return;
    if (tokens.size() > last_n) tokens = tokens.last(last_n);
  }
  for (const TokenId token : tokens) {
    GEMRING_CHECK(token.index() < counts_.size(), "token {} of {}", token.value(), counts_.size());
    ++counts_[token.index()];
    if (options_.last_n == kAll) continue;
    if (window_.size() < static_cast<std::size_t>(options_.last_n)) {
      window_.push_back(token);
      continue;
    }
    --counts_[window_[oldest_].index()];
    window_[oldest_] = token;
    oldest_ = (oldest_ + 1) % window_.size();
  }
}

void Penalties::apply(std::span<float> logits) const {
  GEMRING_CHECK(logits.size() <= counts_.size(), "{} logits, vocabulary of {}", logits.size(), counts_.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (counts_[i] == 0) continue;
    const float repeated = logits[i] > 0.0f ? logits[i] / options_.repeat : logits[i] * options_.repeat;
    logits[i] = repeated - (static_cast<float>(counts_[i]) * options_.frequency + options_.presence);
  }
}

}  // namespace gemring

#include "engine/selection/known_profiles.h"

#include <algorithm>
#include <array>

#include "engine/base/types.h"
#include "engine/selection/forced_tokens.h"

namespace gemring {
namespace {

struct Shape {
  std::int32_t layers, hidden, ffn, heads, kv_heads, vocab;
};

/// Heads as `gemring calibrate` finds them: z-scores of the best of 16 queries, whole sentences, layers with a window.
struct FoundHeads {
  std::array<ScoringHead, 2> heads = {};  // the second one may be missing
  std::int32_t window = 0;
};

constexpr std::int32_t kQueries = 16;

FilterProfile profile_with(const FoundHeads& found) {
  FilterProfile profile;
  for (const ScoringHead& head : found.heads) {
    if (head.head) profile.heads.push_back(head);
  }
  profile.normalisation = ScoreNormalisation::z_score;
  profile.queries = kQueries;
  profile.unit = KeepUnit::sentences;
  profile.pool_width = 1;
  profile.window = found.window;
  profile.sinks = found.window > 0 ? kSinkTokens : 0;
  return profile;
}

struct Entry {
  std::string_view key;   // in the name, which is compared without what is no letter or digit, in small letters
  std::string_view also;  // as well; may be empty
  Shape shape;
  std::string_view model;
  std::string_view source;
  std::int32_t filter_layer;  // GemFilter's, where there are no heads
  FoundHeads found = {};
};

constexpr std::string_view kGemFilter = "GemFilter, arXiv 2409.17422";
constexpr std::string_view kLater = "later papers that run GemFilter beside their own";
// bench/notes.md, "Calibration of published models".
constexpr std::string_view kCalibrated = "gemring calibrate, prompts of six kinds and 2,048 tokens, recall 1.00";

// Layers are 0-based. PromptDistill (arXiv 2503.23274) takes GemFilter's 13 for Llama-3.1-8B too, and FastKV (arXiv
// 2502.01068) gives it to its GemFilter baseline on Llama-3.1-8B-UltraLong, which has the same shape. Of two published
// layers the later one: a layer too early misses the answer.
constexpr std::array kPublished = {
    Entry{"llama318b", "", {32, 4096, 14336, 32, 8, 128256}, "Llama-3.1-8B", kGemFilter, 13},
    Entry{"mistralnemo", "", {40, 5120, 14336, 32, 8, 131072}, "Mistral-Nemo-12B", kGemFilter, 19},
    Entry{"phi35mini", "", {32, 3072, 8192, 32, 32, 32064}, "Phi-3.5-mini", kGemFilter, 19},
    Entry{"llama321b", "", {16, 2048, 8192, 32, 8, 128256}, "Llama-3.2-1B", kLater, 8},
    Entry{"llama323b", "", {28, 3072, 8192, 24, 8, 128256}, "Llama-3.2-3B", kLater, 13},
    Entry{"llama3170b", "", {80, 8192, 28672, 64, 8, 128256}, "Llama-3.1-70B", kLater, 35},
    Entry{"ministral8b", "", {36, 4096, 12288, 32, 8, 131072}, "Ministral-8B", kLater, 17},
    Entry{"mistral7b", "v02", {32, 4096, 14336, 32, 8, 32000}, "Mistral-7B-v0.2", kLater, 18},
    Entry{"mistral7b", "v03", {32, 4096, 14336, 32, 8, 32768}, "Mistral-7B-v0.3", kLater, 12},
    Entry{"qwen27b", "", {28, 3584, 18944, 28, 4, 152064}, "Qwen2-7B", kLater, 19},
    Entry{"qwen257b", "", {28, 3584, 18944, 28, 4, 152064}, "Qwen2.5-7B", kLater, 16},
    Entry{"qwen2514b", "", {48, 5120, 13824, 40, 8, 152064}, "Qwen2.5-14B", kLater, 25},
    Entry{"qwen25coder15b",
          "",
          {28, 1536, 8960, 12, 2, 151936},
          "Qwen2.5-Coder-1.5B",
          kCalibrated,
          12,
          {{ScoringHead{LayerIndex(12), 1}}, 1024}},
    Entry{"qwen25coder05b",
          "",
          {24, 896, 4864, 14, 2, 151936},
          "Qwen2.5-Coder-0.5B",
          kCalibrated,
          13,
          {{ScoringHead{LayerIndex(11), 1}, ScoringHead{LayerIndex(13), 13}}, 1024}},
};

std::string letters_and_digits(std::string_view name) {
  std::string kept;
  for (const char c : name) {
    const bool capital = c >= 'A' && c <= 'Z';
    if (capital || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      kept += capital ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return kept;
}

bool has_shape(const ModelConfig& config, const Shape& shape) {
  return config.layer_count() == shape.layers && config.hidden == shape.hidden && config.ffn == shape.ffn &&
         config.heads == shape.heads && config.kv_heads == shape.kv_heads && config.vocab == shape.vocab;
}

}  // namespace

std::optional<KnownProfile> known_profile(std::string_view name, const ModelConfig& config) {
  const std::string text = letters_and_digits(name);
  const auto known = std::find_if(kPublished.begin(), kPublished.end(), [&](const Entry& entry) {
    return has_shape(config, entry.shape) && text.find(entry.key) != std::string::npos &&
           text.find(entry.also) != std::string::npos;
  });
  if (known == kPublished.end()) return std::nullopt;
  const bool has_heads = known->found.heads[0].head.has_value();
  return KnownProfile{known->model, known->source,
                      has_heads ? profile_with(known->found) : gemfilter_profile(LayerIndex(known->filter_layer))};
}

}  // namespace gemring

#include "engine/selection/filter_profile.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

/// What a raw product is multiplied with behind the subtraction of `mean`.
struct Scale {
  double mean = 0;
  double factor = 1;
};

Scale scale_of(std::span<const float> column, ScoreNormalisation normalisation) {
  if (normalisation == ScoreNormalisation::none) return {};
  double sum = 0;
  for (const float product : column) sum += product;
  const double mean = sum / static_cast<double>(column.size());
  double squares = 0;
  for (const float product : column) squares += (product - mean) * (product - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(column.size()));
  return {mean, deviation == 0 ? 0 : 1 / deviation};  // a head that tells no token from another says nothing
}

/// Of one head.   columns: [queries, tokens]. What is no number stays none.
std::vector<double> best_of_queries(std::span<const float> columns, std::size_t queries,
                                    ScoreNormalisation normalisation) {
  const std::size_t tokens = columns.size() / queries;
  std::vector<double> best(tokens, -std::numeric_limits<double>::infinity());
  for (std::size_t query = 0; query < queries; ++query) {
    const std::span<const float> column = columns.subspan(query * tokens, tokens);
    const Scale scale = scale_of(column, normalisation);
    for (std::size_t t = 0; t < tokens; ++t) {
      const double score = (column[t] - scale.mean) * scale.factor;
      if (score > best[t] || std::isnan(score)) best[t] = score;
    }
  }
  return best;
}

std::string name_of(const ScoringHead& head) {
  return head.head ? fmt::format("{}/{}", head.layer.value(), *head.head) : fmt::format("{}", head.layer.value());
}

std::string text_of(const ProfiledShape& shape) {
  return fmt::format("{} layers with {} heads and {} tokens", shape.layers, shape.heads, shape.vocab);
}

[[noreturn]] void refuse_profile(const std::string& place, const std::string& problem) {
  throw ConfigError({place, problem, "take the profile of this very checkpoint, or give --filter-layer"});
}

}  // namespace

std::int32_t FilterProfile::scoring_layers() const {
  std::int32_t layers = 0;
  for (std::size_t i = 0; i < heads.size(); ++i) layers += i == 0 || heads[i].layer != heads[i - 1].layer ? 1 : 0;
  return layers;
}

FilterProfile gemfilter_profile(LayerIndex r) {
  FilterProfile profile;
  profile.heads = {{.layer = r, .head = std::nullopt}};
  return profile;
}

std::string describe(const FilterProfile& profile) {
  std::string text;
  if (profile.heads.size() == 1 && !profile.heads.front().head) {
    text = fmt::format("layer {}", profile.filter_layer().value());
  } else {
    text = "heads";
    for (const ScoringHead& head : profile.heads) text += fmt::format(" {}", name_of(head));
    if (profile.normalisation == ScoreNormalisation::z_score) text += " (z-score)";
  }
  if (profile.queries > 1) text += fmt::format(", best of {} queries", profile.queries);
  if (profile.window > 0) text += fmt::format(", window {} + {} sinks", profile.window, profile.sinks);
  if (profile.unit != KeepUnit::tokens) text += fmt::format(", {} kept whole", name(profile.unit));
  return text;
}

void check_profile(const FilterProfile& profile, const ModelConfig& config, const std::string& place) {
  const auto heads = static_cast<std::int64_t>(profile.heads.size());
  if (heads < 1 || profile.queries < 1 || heads * profile.queries > kMostColumns) {
    refuse_profile(place, fmt::format("names {} scoring heads and {} queries; 1 to {} pairs of both can score", heads,
                                      profile.queries, kMostColumns));
  }
  if (profile.window < 0 || profile.window > kWidestWindow || profile.sinks < 0 || profile.sinks > kMostSinks) {
    refuse_profile(place, fmt::format("has a window of {} and {} sinks; 0 (all keys) to {} and 0 to {} can be",
                                      profile.window, profile.sinks, kWidestWindow, kMostSinks));
  }
  const ProfiledShape shape{config.layer_count(), config.heads, config.vocab};
  if (profile.shape && *profile.shape != shape) {
    refuse_profile(
        place, fmt::format("was measured on a model of {}; this one has {}", text_of(*profile.shape), text_of(shape)));
  }
  for (std::size_t i = 0; i < profile.heads.size(); ++i) {
    const ScoringHead& head = profile.heads[i];
    if (head.layer.value() < 0 || head.layer.value() >= config.layer_count()) {
      refuse_profile(place, fmt::format("layer {} is outside 0..{}: the model has {} layers", head.layer.value(),
                                        config.layer_count() - 1, config.layer_count()));
    }
    if (head.head && (*head.head < 0 || *head.head >= config.heads)) {
      refuse_profile(place, fmt::format("head {} is outside 0..{}", name_of(head), config.heads - 1));
    }
    if (!std::isfinite(head.weight))
      refuse_profile(place, fmt::format("the weight of head {} is no number", name_of(head)));
    for (std::size_t before = 0; before < i; ++before) {
      const ScoringHead& other = profile.heads[before];
      if (other.layer > head.layer) refuse_profile(place, "scoring heads do not ascend by layer");
      if (other.layer == head.layer && other.head == head.head) {
        refuse_profile(place, fmt::format("head {} stands there twice", name_of(head)));
      }
    }
  }
}

std::vector<float> combine_scores(std::span<const float> columns, std::int32_t n, const FilterProfile& profile) {
  const std::size_t heads = profile.heads.size();
  const auto tokens = static_cast<std::size_t>(n);
  GEMRING_CHECK(heads > 0 && tokens > 0 && columns.size() % (heads * tokens) == 0, "{} products of {} heads, {} tokens",
                columns.size(), heads, n);
  const std::size_t queries = columns.size() / (heads * tokens);
  if (heads * queries == 1 && profile.normalisation == ScoreNormalisation::none && profile.heads.front().weight == 1) {
    return {columns.begin(), columns.end()};
  }
  std::vector<double> sums(tokens, 0.0);
  for (std::size_t head = 0; head < heads; ++head) {
    const std::vector<double> best =
        best_of_queries(columns.subspan(head * queries * tokens, queries * tokens), queries, profile.normalisation);
    for (std::size_t t = 0; t < tokens; ++t) sums[t] += best[t] * profile.heads[head].weight;
  }
  return {sums.begin(), sums.end()};
}

}  // namespace gemring

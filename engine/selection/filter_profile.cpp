#include "engine/selection/filter_profile.h"

#include <fmt/format.h>

#include <cmath>

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
  if (profile.window > 0) text += fmt::format(", window {} + {} sinks", profile.window, profile.sinks);
  if (profile.unit != KeepUnit::tokens) text += fmt::format(", {} kept whole", name(profile.unit));
  return text;
}

void check_profile(const FilterProfile& profile, const ModelConfig& config, const std::string& place) {
  if (profile.heads.empty() || profile.heads.size() > kMostScoringHeads) {
    refuse_profile(place,
                   fmt::format("names {} scoring heads; 1 to {} can score", profile.heads.size(), kMostScoringHeads));
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

std::vector<float> combine_scores(std::span<const float> columns, const FilterProfile& profile) {
  const std::size_t heads = profile.heads.size();
  GEMRING_CHECK(heads > 0 && columns.size() % heads == 0, "{} products of {} heads", columns.size(), heads);
  if (heads == 1 && profile.normalisation == ScoreNormalisation::none && profile.heads.front().weight == 1) {
    return {columns.begin(), columns.end()};
  }
  const std::size_t tokens = columns.size() / heads;
  std::vector<double> sums(tokens, 0.0);
  for (std::size_t head = 0; head < heads; ++head) {
    const std::span<const float> column = columns.subspan(head * tokens, tokens);
    const Scale scale = scale_of(column, profile.normalisation);
    const double weight = scale.factor * profile.heads[head].weight;
    for (std::size_t t = 0; t < tokens; ++t) sums[t] += (column[t] - scale.mean) * weight;
  }
  return {sums.begin(), sums.end()};
}

}  // namespace gemring

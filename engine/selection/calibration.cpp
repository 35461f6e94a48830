#include "engine/selection/calibration.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "engine/base/check.h"
#include "engine/selection/pooling.h"

namespace gemring {
namespace {

constexpr std::array<std::size_t, 4> kHeadCounts = {1, 2, 4, 8};

/// How well scores single out an answer. Recall is coarse: of heads that keep everything the surest is wanted.
struct Merit {
  double recall = 0;
  double height = 0;  // the mean share of all tokens that score lower than the answer's

  bool operator<(const Merit& other) const {
    return recall != other.recall ? recall < other.recall : height < other.height;
  }
};

/// Of a profile, over the prompts that choose and those that confirm.
struct Measured {
  FilterProfile profile;
  Merit chosen_by;
  Merit confirmed_by;

  double least() const { return std::min(chosen_by.recall, confirmed_by.recall); }
  CalibratedProfile result() const { return {profile, chosen_by.recall, confirmed_by.recall}; }
};

Merit merit_of(const CalibrationCase& prompt, std::size_t unit, std::span<const float> scores) {
  const ResolvedSelection& selection = prompt.selections.at(unit);
  const std::vector<OriginalPosition> kept = select_positions(scores, selection);
  const std::vector<float> pooled = average_pool(scores, selection.pool_width);
  Merit merit;
  for (const OriginalPosition position : prompt.answer) {
    const float own = pooled[position.index()];
    const auto lower = std::count_if(pooled.begin(), pooled.end(), [&](float other) { return other < own; });
    merit.recall += std::binary_search(kept.begin(), kept.end(), position) ? 1 : 0;
    merit.height += static_cast<double>(lower) / static_cast<double>(pooled.size());
  }
  const auto tokens = static_cast<double>(prompt.answer.size());
  return {merit.recall / tokens, merit.height / tokens};
}

/// What calibrate() works on.
class Measurement {
 public:
  /// With the unit that each prompt's selections have in this place.
  Measurement(std::span<const CalibrationCase> prompts, std::int32_t layers, std::int32_t heads, std::size_t unit)
      : prompts_(prompts), layers_(layers), heads_(heads), unit_(unit) {}

  std::int32_t layers() const { return layers_; }
  std::int32_t heads() const { return heads_; }

  /// Mean over the prompts of one half (0: those that choose), or over all.
  Merit merit(const FilterProfile& profile, std::optional<std::size_t> half = std::nullopt) const {
    Merit sum;
    std::size_t count = 0;
    for (std::size_t i = half.value_or(0); i < prompts_.size(); i += half ? 2 : 1) {
      const Merit one = merit_of(prompts_[i], unit_, head_scores(prompts_[i], layers_, heads_, profile));
      sum = {sum.recall + one.recall, sum.height + one.height};
      ++count;
    }
    return {sum.recall / static_cast<double>(count), sum.height / static_cast<double>(count)};
  }

  Measured measure(FilterProfile profile) const {
    profile.unit = prompts_.front().selections.at(unit_).unit;
    const Merit chosen_by = merit(profile, 0), confirmed_by = merit(profile, 1);
    return {std::move(profile), chosen_by, confirmed_by};
  }

 private:
  std::span<const CalibrationCase> prompts_;
  std::int32_t layers_;
  std::int32_t heads_;
  std::size_t unit_;
};

FilterProfile heads_profile(std::vector<ScoringHead> heads) {
  FilterProfile profile;
  profile.heads = std::move(heads);
  profile.normalisation = ScoreNormalisation::z_score;
  return profile;
}

FilterProfile single_head(std::int32_t layer, std::int32_t head) {
  return heads_profile({{LayerIndex(layer), head}});
}

struct RatedHead {
  ScoringHead head;
  Merit merit;  // on the prompts that choose
};

/// The best first; of equal ones the earlier layer's.
std::vector<RatedHead> rated_heads(const Measurement& evidence) {
  std::vector<RatedHead> rated;
  for (std::int32_t layer = 0; layer < evidence.layers(); ++layer) {
    for (std::int32_t head = 0; head < evidence.heads(); ++head) {
      rated.push_back({{LayerIndex(layer), head}, evidence.merit(single_head(layer, head), 0)});
    }
  }
  std::stable_sort(rated.begin(), rated.end(), [](const auto& a, const auto& b) { return b.merit < a.merit; });
  return rated;
}

/// The `count` best heads of layers up to `layer`; fewer where there are not so many.
FilterProfile best_heads(const std::vector<RatedHead>& rated, LayerIndex layer, std::size_t count) {
  FilterProfile profile = heads_profile({});
  for (const RatedHead& each : rated) {
    if (each.head.layer <= layer && profile.heads.size() < count) profile.heads.push_back(each.head);
  }
  std::sort(profile.heads.begin(), profile.heads.end(), [](const ScoringHead& a, const ScoringHead& b) {
    return std::pair(a.layer, a.head) < std::pair(b.layer, b.head);
  });
  return profile;
}

/// Of one way to score, what each filter layer reaches at best.
using ByLayer = std::vector<Measured>;

/// The first layer that reaches the target, `margin` layers later where that reaches it too; else the best one.
const Measured& cheapest(const ByLayer& layers, double target, std::size_t margin) {
  const auto reaches = [&](const Measured& each) { return each.least() >= target; };
  const auto first = std::find_if(layers.begin(), layers.end(), reaches);
  if (first == layers.end()) {
    return *std::max_element(layers.begin(), layers.end(),
                             [](const Measured& a, const Measured& b) { return a.least() < b.least(); });
  }
  const auto later = first + static_cast<std::ptrdiff_t>(std::min<std::size_t>(margin, layers.end() - first - 1));
  return reaches(*later) ? *later : *first;
}

/// What reaches the target before what does not, then the fewest layers.
auto cost_of(const Measured& each, double target) {
  return std::tuple(each.least() < target, each.least() < target ? -each.least() : 0, each.profile.filter_layer());
}

Calibration calibrate_unit(const Measurement& evidence, double target, std::int32_t margin) {
  const std::vector<RatedHead> rated = rated_heads(evidence);
  Calibration found;
  ByLayer whole_layers, single_heads;
  for (std::int32_t layer = 0; layer < evidence.layers(); ++layer) {
    whole_layers.push_back(evidence.measure(gemfilter_profile(LayerIndex(layer))));
    std::optional<Measured> best;
    for (const std::size_t count : kHeadCounts) {
      Measured few = evidence.measure(best_heads(rated, LayerIndex(layer), count));
      if (!best || std::pair(best->least(), best->chosen_by.height) < std::pair(few.least(), few.chosen_by.height)) {
        best = std::move(few);
      }
    }
    single_heads.push_back(std::move(*best));
    const auto of_layer = std::find_if(rated.begin(), rated.end(),
                                       [&](const RatedHead& each) { return each.head.layer.value() == layer; });
    found.layers.push_back({.all_heads = evidence.merit(whole_layers.back().profile).recall,
                            .best_head = evidence.merit(single_head(layer, *of_layer->head.head)).recall,
                            .head = *of_layer->head.head});
  }
  const auto steps = static_cast<std::size_t>(margin);
  const Measured& whole = cheapest(whole_layers, target, steps);
  const Measured& few = cheapest(single_heads, target, steps);
  const bool few_win = cost_of(few, target) < cost_of(whole, target);
  found.best = (few_win ? few : whole).result();
  found.runner_up = (few_win ? whole : few).result();
  found.reached = found.best.least() >= target;
  return found;
}

}  // namespace

double CalibratedProfile::least() const {
  return std::min(chosen_by, confirmed_by);
}

std::vector<float> head_scores(const CalibrationCase& prompt, std::int32_t layers, std::int32_t heads,
                               const FilterProfile& profile) {
  const std::size_t tokens =
      prompt.columns.size() / (static_cast<std::size_t>(layers) * static_cast<std::size_t>(heads));
  std::vector<float> columns;
  for (const ScoringHead& head : profile.heads) {
    const std::size_t first = (head.layer.index() * static_cast<std::size_t>(heads) + head.head.value_or(0)) * tokens;
    const float* const from = prompt.columns.data() + first;
    columns.insert(columns.end(), from, from + tokens);
    if (head.head) continue;
    for (std::size_t other = 1; other < static_cast<std::size_t>(heads); ++other) {
      for (std::size_t t = 0; t < tokens; ++t) columns[columns.size() - tokens + t] += from[other * tokens + t];
    }
  }
  return combine_scores(columns, profile);
}

Calibration calibrate(std::span<const CalibrationCase> prompts, std::int32_t layers, std::int32_t heads, double target,
                      std::int32_t margin) {
  GEMRING_CHECK(prompts.size() >= 2, "{} prompts", prompts.size());
  std::optional<Calibration> cheapest;
  const auto cost = [](const Calibration& each) {
    return std::tuple(!each.reached, each.reached ? 0 : -each.best.least(), each.best.profile.filter_layer());
  };
  for (std::size_t unit = 0; unit < prompts.front().selections.size(); ++unit) {
    Calibration found = calibrate_unit(Measurement(prompts, layers, heads, unit), target, margin);
    if (!cheapest || cost(found) < cost(*cheapest)) cheapest = std::move(found);
  }
  GEMRING_CHECK(cheapest.has_value(), "no unit to select by");
  return *std::move(cheapest);
}

}  // namespace gemring

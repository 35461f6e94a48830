#include "engine/selection/calibration.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "engine/base/check.h"
#include "engine/selection/best_tokens.h"
#include "engine/selection/pooling.h"

namespace gemring {
namespace {

constexpr std::array<std::size_t, 4> kHeadCounts = {1, 2, 4, 8};
constexpr double kNearly = 0.9;  // of the paraphrased answers that the best profile keeps

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
  Merit paraphrased = {1, 1};  // over those of both halves

  double least() const { return std::min(chosen_by.recall, confirmed_by.recall); }
  /// Among those that reach the same.
  double sureness() const { return paraphrased.recall + std::min(chosen_by.height, confirmed_by.height); }
  CalibratedProfile result() const { return {profile, chosen_by.recall, confirmed_by.recall, paraphrased.recall}; }
};

/// What a profile is to reach.
struct Aim {
  double target;
  double paraphrased;

  bool is_reached_by(const Measured& each) const {
    return each.least() >= target && each.paraphrased.recall >= paraphrased;
  }
};

/// What of a prompt counts as one, with the best of its tokens' scores. Forced tokens are kept anyway.
std::vector<float> unit_scores(std::vector<float> scores, const ResolvedSelection& selection) {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  for (const TokenRange& range : selection.forced)
    std::fill(scores.begin() + range.begin, scores.begin() + range.end, kNever);
  if (selection.unit == KeepUnit::tokens) return scores;
  for (const TokenRange& unit : units_of(selection, static_cast<std::int32_t>(scores.size()))) {
    const auto begin = scores.begin() + unit.begin, end = scores.begin() + unit.end;
    std::fill(begin, end, *std::max_element(begin, end));
  }
  return scores;
}

Merit merit_of(const CalibrationCase& prompt, std::size_t unit, std::span<const float> scores) {
  const ResolvedSelection& selection = prompt.selections.at(unit);
  const std::vector<OriginalPosition> kept = select_positions(scores, selection);
  const std::vector<float> pooled = unit_scores(average_pool(scores, selection.pool_width), selection);
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

/// What calibrate() works on: prompts, and one way to score and to keep.
class Measurement {
 public:
  /// With kQueryCounts[queries], and the unit that each prompt's selections have in this place.
  Measurement(std::span<const CalibrationCase> prompts, std::int32_t layers, std::int32_t heads, std::size_t queries,
              std::size_t unit)
      : prompts_(prompts), layers_(layers), heads_(heads), queries_(queries), unit_(unit) {}

  std::int32_t layers() const { return layers_; }
  std::int32_t heads() const { return heads_; }
  /// GemFilter's scores are raw, of the last token alone.
  bool one_query() const { return kQueryCounts.at(queries_) == 1; }
  std::size_t most_heads() const { return static_cast<std::size_t>(kMostColumns / kQueryCounts.at(queries_)); }

  /// Heads that score alike in this way.
  FilterProfile profile(std::vector<ScoringHead> heads) const {
    FilterProfile profile;
    profile.heads = std::move(heads);
    profile.normalisation = ScoreNormalisation::z_score;
    profile.queries = kQueryCounts.at(queries_);
    return profile;
  }
  FilterProfile single_head(std::int32_t layer, std::int32_t head) const {
    return profile({{LayerIndex(layer), head}});
  }

  /// Mean over the prompts.
  Merit merit(const FilterProfile& profile) const {
    return mean(profile, [](std::size_t, const CalibrationCase&) { return true; });
  }
  /// Over those that choose heads.
  Merit choosing_merit(const FilterProfile& profile) const {
    return mean(profile, [](std::size_t i, const CalibrationCase&) { return i % 2 == 0; });
  }

  Measured measure(FilterProfile profile) const {
    const ResolvedSelection& selection = prompts_.front().selections.at(unit_);
    profile.unit = selection.unit;
    if (selection.unit != KeepUnit::tokens) profile.pool_width = selection.pool_width;
    const auto of_half = [&](std::size_t half) {
      return mean(profile,
                  [half](std::size_t i, const CalibrationCase& one) { return i % 2 == half && !one.paraphrased; });
    };
    Measured measured{.profile = {}, .chosen_by = of_half(0), .confirmed_by = of_half(1)};
    if (std::any_of(prompts_.begin(), prompts_.end(), [](const CalibrationCase& one) { return one.paraphrased; }))
      measured.paraphrased = mean(profile, [](std::size_t, const CalibrationCase& one) { return one.paraphrased; });
    measured.profile = std::move(profile);
    return measured;
  }

 private:
  /// Over the prompts that `counts` takes, by number.
  template <class Counts>
  Merit mean(const FilterProfile& profile, Counts counts) const {
    Merit sum;
    std::size_t count = 0;
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      if (!counts(i, prompts_[i])) continue;
      const Merit one = merit_of(prompts_[i], unit_, scores_of(prompts_[i], profile));
      sum = {sum.recall + one.recall, sum.height + one.height};
      ++count;
    }
    GEMRING_CHECK(count > 0, "no prompts to measure by");
    return {sum.recall / static_cast<double>(count), sum.height / static_cast<double>(count)};
  }

  /// [n]. Requires: all heads of a layer, or heads with the weight 1.
  std::vector<float> scores_of(const CalibrationCase& prompt, const FilterProfile& profile) const {
    const std::size_t n = prompt.layer_sums.size() / static_cast<std::size_t>(layers_);
    std::vector<float> sum(n, 0.0f);
    for (const ScoringHead& head : profile.heads) {
      const std::size_t row = head.layer.index() * static_cast<std::size_t>(head.head ? heads_ : 1) +
                              static_cast<std::size_t>(head.head.value_or(0));
      const float* const from = (head.head ? prompt.head_scores.at(queries_) : prompt.layer_sums).data() + row * n;
      for (std::size_t t = 0; t < n; ++t) sum[t] += from[t];
    }
    return sum;
  }

  std::span<const CalibrationCase> prompts_;
  std::int32_t layers_;
  std::int32_t heads_;
  std::size_t queries_;
  std::size_t unit_;
};

struct RatedHead {
  ScoringHead head;
  Merit merit;  // on the prompts that choose
};

/// The best first; of equal ones the earlier layer's.
std::vector<RatedHead> rated_heads(const Measurement& evidence) {
  std::vector<RatedHead> rated;
  for (std::int32_t layer = 0; layer < evidence.layers(); ++layer) {
    for (std::int32_t head = 0; head < evidence.heads(); ++head) {
      rated.push_back({{LayerIndex(layer), head}, evidence.choosing_merit(evidence.single_head(layer, head))});
    }
  }
  std::stable_sort(rated.begin(), rated.end(), [](const auto& a, const auto& b) { return b.merit < a.merit; });
  return rated;
}

/// The `count` best heads of layers up to `layer`, ascending; fewer where there are not so many.
std::vector<ScoringHead> best_heads(const std::vector<RatedHead>& rated, LayerIndex layer, std::size_t count) {
  std::vector<ScoringHead> heads;
  for (const RatedHead& each : rated) {
    if (each.head.layer <= layer && heads.size() < count) heads.push_back(each.head);
  }
  std::sort(heads.begin(), heads.end(), [](const ScoringHead& a, const ScoringHead& b) {
    return std::pair(a.layer, a.head) < std::pair(b.layer, b.head);
  });
  return heads;
}

/// Of one way to score, what each filter layer reaches at best.
using ByLayer = std::vector<Measured>;

/// The first layer that reaches the target, `margin` layers later where that reaches it too; else the best one.
const Measured& cheapest(const ByLayer& layers, const Aim& aim, std::size_t margin) {
  const auto reaches = [&](const Measured& each) { return aim.is_reached_by(each); };
  const auto first = std::find_if(layers.begin(), layers.end(), reaches);
  if (first == layers.end()) {
    return *std::max_element(layers.begin(), layers.end(),
                             [](const Measured& a, const Measured& b) { return a.least() < b.least(); });
  }
  const auto later = first + static_cast<std::ptrdiff_t>(std::min<std::size_t>(margin, layers.end() - first - 1));
  return reaches(*later) ? *later : *first;
}

/// What reaches the target before what does not. Of what does, the fewest layers count, then sureness; of what does
/// not, recall, then layers.
auto cost_of(const Measured& each, const Aim& aim) {
  const double missed = -each.least();
  const double layer = each.profile.filter_layer().value();
  const double unsure = -each.sureness();
  return aim.is_reached_by(each) ? std::tuple(false, layer, unsure) : std::tuple(true, missed, layer);
}

/// What one way comes to: each layer's best profile of every kind that it has, and the best head of every layer.
struct WayFound {
  std::vector<ByLayer> kinds;
  std::vector<LayerRecall> layers;  // without all_heads
};

/// Of counts of heads that do the same the largest: several are less likely to be good by chance.
Measured best_at(const Measurement& evidence, const std::vector<RatedHead>& rated, LayerIndex layer) {
  std::optional<Measured> best;
  for (const std::size_t count : kHeadCounts) {
    if (count > evidence.most_heads()) break;
    Measured few = evidence.measure(evidence.profile(best_heads(rated, layer, count)));
    if (!best || std::pair(few.least(), few.sureness()) >= std::pair(best->least(), best->sureness()))
      best = std::move(few);
  }
  GEMRING_CHECK(best.has_value(), "{} heads at most", evidence.most_heads());
  return *std::move(best);
}

WayFound calibrate_way(const Measurement& evidence) {
  const std::vector<RatedHead> rated = rated_heads(evidence);
  WayFound found;
  ByLayer whole_layers, single_heads;
  for (std::int32_t layer = 0; layer < evidence.layers(); ++layer) {
    if (evidence.one_query()) whole_layers.push_back(evidence.measure(gemfilter_profile(LayerIndex(layer))));
    single_heads.push_back(best_at(evidence, rated, LayerIndex(layer)));
    const auto of_layer = std::find_if(rated.begin(), rated.end(),
                                       [&](const RatedHead& each) { return each.head.layer.value() == layer; });
    const std::int32_t head = *of_layer->head.head;
    found.layers.push_back({.best_head = evidence.merit(evidence.single_head(layer, head)).recall, .head = head});
  }
  found.kinds.push_back(std::move(single_heads));
  if (evidence.one_query()) found.kinds.push_back(std::move(whole_layers));
  return found;
}

/// Nearly what the best profile keeps of paraphrased answers: of those that reach the target, if any does.
Aim aim_of(const std::vector<WayFound>& ways, double target) {
  double best = 0, best_of_all = 0;
  for (const WayFound& way : ways) {
    for (const ByLayer& kind : way.kinds) {
      for (const Measured& each : kind) {
        best_of_all = std::max(best_of_all, each.paraphrased.recall);
        if (each.least() >= target) best = std::max(best, each.paraphrased.recall);
      }
    }
  }
  return {target, kNearly * (best > 0 ? best : best_of_all)};
}

/// GemFilter, tokens kept each for itself: the first selection of a case.
double all_heads_recall(std::span<const CalibrationCase> prompts, std::int32_t layers, std::int32_t heads,
                        std::int32_t layer) {
  return Measurement(prompts, layers, heads, 0, 0).merit(gemfilter_profile(LayerIndex(layer))).recall;
}

}  // namespace

double CalibratedProfile::least() const {
  return std::min(chosen_by, confirmed_by);
}

CalibrationCase case_of(std::span<const float> columns, std::int32_t n, std::int32_t layers, std::int32_t heads) {
  CalibrationCase made;
  const auto tokens = static_cast<std::size_t>(n);
  const std::size_t pairs = static_cast<std::size_t>(layers) * static_cast<std::size_t>(heads);
  GEMRING_CHECK(pairs * tokens > 0 && columns.size() % (pairs * tokens) == 0, "{} products of {} heads, {} tokens",
                columns.size(), pairs, n);
  const std::size_t queries = columns.size() / (pairs * tokens);
  made.layer_sums.resize(static_cast<std::size_t>(layers) * tokens);
  FilterProfile one;
  one.heads = {{LayerIndex(0), 0}};
  one.normalisation = ScoreNormalisation::z_score;
  for (std::size_t pair = 0; pair < pairs; ++pair) {
    const std::span<const float> own = columns.subspan(pair * queries * tokens, queries * tokens);
    const std::span<const float> last = own.last(tokens);
    float* const sum = made.layer_sums.data() + pair / static_cast<std::size_t>(heads) * tokens;
    for (std::size_t t = 0; t < tokens; ++t) sum[t] += last[t];
    for (std::size_t i = 0; i < kQueryCounts.size(); ++i) {
      const auto step = static_cast<std::size_t>(kQueryCounts.back() / kQueryCounts[i]);
      std::vector<float> asking;
      for (std::size_t query = (queries - 1) % step; query < queries; query += step) {
        const std::span<const float> column = own.subspan(query * tokens, tokens);
        asking.insert(asking.end(), column.begin(), column.end());
      }
      const std::vector<float> scores = combine_scores(asking, n, one);
      made.head_scores[i].insert(made.head_scores[i].end(), scores.begin(), scores.end());
    }
  }
  return made;
}

Calibration calibrate(std::span<const CalibrationCase> prompts, std::int32_t layers, std::int32_t heads, double target,
                      std::int32_t margin) {
  GEMRING_CHECK(prompts.size() >= 2, "{} prompts", prompts.size());
  GEMRING_CHECK(!prompts.front().selections.empty(), "no unit to select by");
  std::vector<WayFound> ways;
  for (std::size_t unit = prompts.front().selections.size(); unit-- > 0;) {
    for (std::size_t queries = kQueryCounts.size(); queries-- > 0;) {
      ways.push_back(calibrate_way(Measurement(prompts, layers, heads, queries, unit)));
    }
  }
  const Aim aim = aim_of(ways, target);
  std::vector<Measured> found;
  std::vector<std::vector<LayerRecall>> recalls;  // for each of `found`
  for (const WayFound& way : ways) {
    for (const ByLayer& kind : way.kinds) {
      found.push_back(cheapest(kind, aim, static_cast<std::size_t>(margin)));
      recalls.push_back(way.layers);
    }
  }
  std::vector<std::size_t> order(found.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cost_of(found[a], aim) < cost_of(found[b], aim); });
  Calibration result{
      .layers = recalls[order[0]], .best = found[order[0]].result(), .runner_up = found[order[1]].result()};
  for (std::int32_t layer = 0; layer < layers; ++layer)
    result.layers[static_cast<std::size_t>(layer)].all_heads = all_heads_recall(prompts, layers, heads, layer);
  result.reached = aim.is_reached_by(found[order[0]]);
  return result;
}

}  // namespace gemring

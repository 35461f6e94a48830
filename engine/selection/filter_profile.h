// How a checkpoint filters: which heads of which layers score the prompt's tokens, and how their scores are added up. A
// profile belongs to the checkpoint that filters, and is found by measuring it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "engine/model/config.h"
#include "engine/selection/keep_unit.h"

namespace gemring {

/// What is done to the raw products of one query with all tokens before they are added up.
enum class ScoreNormalisation : std::int32_t {
  none,     // GemFilter: raw products
  z_score,  // less their mean, over their standard deviation: neither a head nor a query drowns the others
};

/// What scores: the raw products of the question's queries with the keys of all tokens, both after RoPE.
struct ScoringHead {
  LayerIndex layer;
  std::optional<std::int32_t> head;  // query head; unset: summed over all heads of the layer
  float weight = 1;

  bool operator==(const ScoringHead&) const = default;
};

/// Of a windowed filter pass: the longest window, and the first tokens that are seen besides.
inline constexpr std::int32_t kWidestWindow = 2048;
inline constexpr std::int32_t kMostSinks = 64;

/// Columns (pairs of head and query) of one float per prompt token on every filter rank: more would be felt in its
/// memory.
inline constexpr std::int32_t kMostColumns = 32;

/// What it was measured on. Where it differs from the checkpoint at hand the profile is another model's.
struct ProfiledShape {
  std::int32_t layers = 0;
  std::int32_t heads = 0;
  std::int32_t vocab = 0;

  bool operator==(const ProfiledShape&) const = default;
};

struct FilterProfile {
  std::vector<ScoringHead> heads;  // at least one, ascending by layer
  ScoreNormalisation normalisation = ScoreNormalisation::none;
  std::int32_t queries = 1;                // of the question's tokens, the last one included (asking_tokens.h); a head
                                           // says of a token what its best query does
  std::optional<std::int32_t> pool_width;  // unset: GemFilter's 5
  std::int32_t window = 0;                 // keys that queries of layers below see, their own included; 0: all
  std::int32_t sinks = 0;                  // and those of the text's first tokens, where there is a window
  KeepUnit unit = KeepUnit::tokens;        // what is kept or left out as one
  std::optional<ProfiledShape> shape;      // unset: not said
  std::string fingerprint;                 // of the checkpoint it was measured on; empty: not said
  std::string found;                       // when, how and on what, for people
  bool below_target = false;               // calibration found nothing better, and this is not what was wanted

  /// Layers below it read the whole prompt. Requires: heads is not empty.
  LayerIndex filter_layer() const { return heads.back().layer; }
  std::int32_t scoring_layers() const;  // how many have a head that scores
  std::int32_t columns() const { return static_cast<std::int32_t>(heads.size()) * queries; }  // of a long prompt

  bool operator==(const FilterProfile&) const = default;
};

/// GemFilter (arXiv 2409.17422): all heads of layer r, raw.
FilterProfile gemfilter_profile(LayerIndex r);

/// "layer 13", "heads 11/9 13/1 (z-score), best of 16 queries".
std::string describe(const FilterProfile& profile);

/// Throws ConfigError, which names `place`, where a layer or head is none of the model's, the shape is another one, the
/// columns are none, too many, twice the same or without order, or the window is none.
void check_profile(const FilterProfile& profile, const ModelConfig& config, const std::string& place);

/// One score per token: heads' scores, weighted and added up; a head's is the best of its queries', each normalised.
/// columns: [heads, queries, n] raw products, each in order of position; profile.heads says of which heads. A single
/// column without normalisation keeps its bits. Sums run over positions in their order, in double: the same bits for
/// any number of ranks. What is no number stays none.
std::vector<float> combine_scores(std::span<const float> columns, std::int32_t n, const FilterProfile& profile);

}  // namespace gemring

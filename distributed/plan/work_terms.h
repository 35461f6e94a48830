// FLOP of a decoder layer's pieces, and keys that queries see: what bytes, FLOP and seconds are counted from. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "distributed/plan/zigzag.h"
#include "engine/model/config.h"

namespace gemring {

/// FLOP of the pieces of one decoder layer, per token (attention: per query and key). 2 per multiply-add.
struct LayerFlop {
  explicit LayerFlop(const ModelConfig& model)
      : keys(2.0 * model.hidden * model.kv_width()),
        query(2.0 * model.hidden * model.query_width()),
        output(query),
        mlp(6.0 * model.hidden * model.ffn),
        pair(4.0 * model.query_width()),
        logits(2.0 * model.hidden * model.vocab) {}
  double linear() const { return 2 * keys + query + output + mlp; }  // values cost what keys cost

  /// Keys of `layers` layers, and their products with queries, for so many columns of scores.
  double scoring(std::int32_t layers, std::int32_t columns) const { return layers * keys + columns * pair / 2; }

  double keys, query, output, mlp, pair, logits;
};

/// Keys that the queries of these positions see together: position p sees p + 1 of them, at most `window`.
double keys_seen(const std::vector<PositionRange>& ranges, std::int32_t window);

/// The same summed over layers [begin, end).
double keys_seen(const ModelConfig& model, const std::vector<PositionRange>& ranges, LayerIndex begin, LayerIndex end);

/// Keys seen by one query with `context` keys up to its own, summed over layers [begin, end).
double keys_of_one(const ModelConfig& model, double context, LayerIndex begin, LayerIndex end);

}  // namespace gemring

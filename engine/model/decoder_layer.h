// One decoder layer, which computes what its LayerShape describes, and the filter layer of which only keys and one
// query are needed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "engine/attention/attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/kernels/linear/linear.h"
#include "engine/kernels/linear/normed_input.h"
#include "engine/model/config.h"
#include "engine/model/rope.h"
#include "engine/model/weights.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Tokens that a layer works on at a time outside of attention: bounds the scratch, and long enough for the products'
/// full speed. Those on tiles convert all weights once a block, and are ten times as fast.
inline constexpr std::size_t kTokenBlock = 512;
inline constexpr std::size_t kTiledTokenBlock = 2048;

constexpr std::size_t token_block(Compute compute) {
  const bool only_tiles = compute.many == ComputeType::bf16 && compute.many_blocks == ComputeType::bf16;
  return only_tiles ? kTiledTokenBlock : kTokenBlock;
}

/// Queries of a step that exist at a time where every key is at hand: enough tasks for the threads of a large node, and
/// a long filter pass does not hold as many queries as activations.
inline constexpr std::size_t kQueryBlock = 2048;

/// Queries of a step of `rows` rows: all where other members of a group hold keys, which travel once.
constexpr std::size_t queries_at_once(std::size_t rows, int members) {
  return members == 1 && rows > kQueryBlock ? kQueryBlock : rows;
}

/// What a layer's keys and values are, kept as `type`.
inline KvShape kv_shape(const ModelConfig& config, DataType type) {
  return {static_cast<std::size_t>(config.kv_heads), static_cast<std::size_t>(config.head_dim), type};
}

/// Scratch for layers of one shape. Allocated once per phase; `max_rows` rows of a step at most, `max_queries` of them
/// with their queries at a time (all, where the attention wants all at once; attention.h).
class LayerWorkspace {
 public:
  /// max_alone: rows of a step with the next tokens of several sequences (LinearScratch::Rows::alone).
  LayerWorkspace(const ModelConfig& config, std::size_t max_rows, std::size_t max_queries, std::size_t max_alone = 1);

  /// x normalised, as products want it; valid until the next call.   x: [tokens, hidden], at most block() tokens
  LinearInput normed(MatrixView<const float> x, std::span<const float> weight, float epsilon) {
    return normed_input(x, weight, epsilon, {normed_.data(), normed_.size() / hidden_, hidden_}, linear_);
  }
  HeadsView<float> keys(std::size_t tokens) { return {keys_.data(), tokens, kv_heads_, head_dim_}; }
  HeadsView<float> values(std::size_t tokens) { return {values_.data(), tokens, kv_heads_, head_dim_}; }
  HeadsView<float> queries(std::size_t rows) { return {queries_.data(), rows, heads_, head_dim_}; }
  LinearScratch& linear() { return linear_; }
  std::size_t block() const { return block_; }  // tokens at a time
  std::size_t max_queries() const { return max_queries_; }

 private:
  std::size_t hidden_, heads_, kv_heads_, head_dim_, block_, max_queries_;
  Buffer<float> normed_;   // [normed_rows(block), hidden]
  Buffer<float> keys_;     // [block, kv_width]
  Buffer<float> values_;   // [block, kv_width]
  Buffer<float> queries_;  // [max_queries, query_width]
  LinearScratch linear_;
};

/// Rows of a step on this rank: their positions in their sequence, and the rotations of these.
struct StepRows {
  std::span<const GlobalPosition> positions;  // [rows], ascending within each sequence
  const RopeTables* ropes = nullptr;          // row i here is row first_row + i there; the caller's, outlives the step
  std::size_t first_row = 0;

  /// Of rows [begin, end).
  RopeRows rotations(const LayerShape& layer, std::size_t begin, std::size_t end) const {
    return ropes->rows(layer.rope, first_row + begin, first_row + end);
  }
  StepRows part(std::size_t begin, std::size_t end) const {
    return {positions.subspan(begin, end - begin), ropes, first_row + begin};
  }
  StepRows from(std::size_t row) const { return part(row, positions.size()); }
};

class DecoderLayer {
 public:
  DecoderLayer(const ModelConfig& config, LayerIndex layer, std::shared_ptr<const LayerWeights> weights);

  /// Called with the number of rows that are through, as often as the workspace has had its queries; may be empty.
  using RowsCallback = std::function<void(std::size_t)>;

  /// x <- x + attention(norm(x)); x <- x + mlp(norm(x)), in place. Keys and values of all rows go to the attention; the
  /// rest is done for the last `wanted` rows only, those whose output is wanted (few in the last layer of a prefill).
  /// x: [rows, hidden]
  void forward(MatrixView<float> x, const StepRows& rows, std::size_t wanted, Attention& attention,
               LayerWorkspace& work, const RowsCallback& after_rows = {}) const;

 private:
  /// forward() of a layer whose mixer is attention.
  void forward_attention(MatrixView<float> x, const StepRows& rows, std::size_t wanted, Attention& attention,
                         LayerWorkspace& work, const RowsCallback& after_rows) const;
  void project_queries(LinearInput& normed, const StepRows& rows, std::size_t begin, HeadsView<float> q,
                       LayerWorkspace& work) const;
  /// The same for as many rows as the workspace has queries for; they are there already where `has_queries`.
  void transform(MatrixView<float> x, const StepRows& rows, bool has_queries, Attention& attention,
                 LayerWorkspace& work) const;
  void add_mlp(MatrixView<float> x, LayerWorkspace& work) const;  // of one token block
  void add_gated_mlp(MatrixView<float> x, LayerWorkspace& work) const;

  LayerShape shape_;
  float epsilon_;
  LayerIndex layer_;
  std::shared_ptr<const LayerWeights> weights_;
};

/// A layer that scores (GemFilter's layer r): keys of every token and queries of the last ones, both after RoPE, give
/// raw products, which are summed over all heads or over some.
class ScoringLayer {
 public:
  ScoringLayer(const ModelConfig& config, LayerIndex layer, std::shared_ptr<const LayerWeights> weights);

  /// Query heads of one row.   x: [1, hidden], query: [heads * head_dim]
  void query(MatrixView<const float> x, const StepRows& row, std::span<float> query, LayerWorkspace& work) const;

  /// scores[c][t] = sum over query heads of queries[c] . key of row t (raw: no scaling, no softmax). What is zero in a
  /// query leaves its head out.   x: [rows, hidden], queries: [columns, heads * head_dim], scores: [columns, rows]
  void score(MatrixView<const float> x, const StepRows& rows, MatrixView<const float> queries, MatrixView<float> scores,
             LayerWorkspace& work) const;

  /// The keys themselves, some rows at a time: `take` gets the first one's number and [rows, kv_heads, head_dim].
  using KeysCallback = std::function<void(std::size_t, HeadsView<const float>)>;
  void keys(MatrixView<const float> x, const StepRows& rows, LayerWorkspace& work, const KeysCallback& take) const;

  LayerIndex layer() const { return layer_; }
  const LayerShape& shape() const { return shape_; }

 private:
  LayerShape shape_;
  float epsilon_;
  LayerIndex layer_;
  std::shared_ptr<const LayerWeights> weights_;  // LayerPart::scoring is enough
};

/// Token ids to rows, and rows to logits.
class Embedding {
 public:
  Embedding(const ModelConfig& config, const TensorSource& source) : table_(load_embedding(source, config)) {}

  /// x: [ids, hidden]
  void gather(std::span<const TokenId> ids, MatrixView<float> x) const;
  /// Of the ids at these positions only.   x: [positions, hidden]
  void gather(std::span<const TokenId> ids, std::span<const GlobalPosition> positions, MatrixView<float> x) const;
  const StoredMatrix& table() const { return table_; }

 private:
  template <class IdOf>
  void gather_each(std::size_t count, IdOf id_of, MatrixView<float> x) const;

  StoredMatrix table_;
};

class OutputHead {
 public:
  /// `embedding`: this rank's, where it has one (shared with tied embeddings); else nullptr.
  OutputHead(const ModelConfig& config, const TensorSource& source, const Embedding* embedding);

  /// logits of rows.   x: [rows, hidden] (normalised in place), logits: [rows, vocab]
  void logits(MatrixView<float> x, MatrixView<float> logits, LayerWorkspace& work) const;

 private:
  float epsilon_;
  std::vector<float> norm_;
  StoredMatrix matrix_;
};

}  // namespace gemring

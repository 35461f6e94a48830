#include "engine/model/decoder_layer.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
namespace {

/// Calls step(begin, end) for blocks of rows that the workspace holds.
template <class Step>
void for_blocks(std::size_t rows, const LayerWorkspace& work, Step step) {
  for (std::size_t begin = 0; begin < rows; begin += work.block()) step(begin, std::min(begin + work.block(), rows));
}

/// out <- x W^T, or out <- out + x W^T; `name` is the product's in a trace.
void multiply(const char* name, LinearInput& x, const WeightMatrix& weights, MatrixView<float> out, Output output,
              LayerWorkspace& work) {
  const TraceSpan span(name, SpanKind::product, x.tokens());
  linear(x, weights, out, output, work.linear());
}

/// out <- x W^T + bias, or out <- out + x W^T + bias.   x: [tokens, inputs], out: [tokens, outputs]
void project(const char* name, LinearInput& x, const Projection& projection, MatrixView<float> out, Output output,
             LayerWorkspace& work) {
  multiply(name, x, projection.weight.matrix, out, output, work);
  if (!projection.bias.empty()) add_bias(out, projection.bias);
}

/// heads <- rotate(norm(normed W^T + bias)); `head_norm` of each head where the layer has one.
/// normed: [tokens, hidden], heads: [tokens, heads, head_dim], rotations: of these tokens
void project_rotated(const char* name, LinearInput& normed, const Projection& projection,
                     std::span<const float> head_norm, float epsilon, const RopeRows& rotations, HeadsView<float> heads,
                     LayerWorkspace& work) {
  project(name, normed, projection, heads.matrix(), Output::overwrite, work);
  if (!head_norm.empty()) {
    const MatrixView<float> each(heads.data(), heads.tokens() * heads.heads(), heads.head_dim());
    rms_norm(each, head_norm, epsilon, each);
  }
  rotate(heads, rotations);
}

}  // namespace

LayerWorkspace::LayerWorkspace(const ModelConfig& config, std::size_t max_rows, std::size_t max_queries,
                               std::size_t max_alone)
    : hidden_(static_cast<std::size_t>(config.hidden)),
      heads_(static_cast<std::size_t>(config.heads)),
      kv_heads_(static_cast<std::size_t>(config.kv_heads)),
      head_dim_(static_cast<std::size_t>(config.head_dim)),
      block_(std::min(token_block(active_compute()), std::max({max_rows, max_alone, std::size_t{1}}))),
      max_queries_(std::max({max_queries, max_alone, std::size_t{1}})),
      normed_(
          std::max(normed_rows(block_, active_compute(), static_cast<std::size_t>(omp_get_max_threads())), max_alone) *
          hidden_),
      keys_(block_ * kv_heads_ * head_dim_),
      values_(block_ * kv_heads_ * head_dim_),
      queries_(max_queries_ * heads_ * head_dim_),
      linear_({.tokens = block_,
               .inputs = std::max(hidden_, heads_ * head_dim_),
               .gated = static_cast<std::size_t>(config.ffn),
               .alone = max_alone,
               .outputs = hidden_}) {}

DecoderLayer::DecoderLayer(const ModelConfig& config, LayerIndex layer, std::shared_ptr<const LayerWeights> weights)
    : shape_(config.layer(layer)), epsilon_(config.norm_epsilon), layer_(layer), weights_(std::move(weights)) {}

void DecoderLayer::project_queries(LinearInput& normed, const StepRows& rows, std::size_t begin, HeadsView<float> q,
                                   LayerWorkspace& work) const {
  project_rotated("q", normed, weights_->q, weights_->q_norm, epsilon_,
                  rows.rotations(shape_, begin, begin + q.tokens()), q, work);
  if (shape_.query_scale == 0) return;
  const float scale = shape_.query_scale * std::sqrt(static_cast<float>(q.head_dim()));  // attention divides by that
  for (std::size_t i = 0; i < q.size(); ++i) q.data()[i] *= scale;
}

void DecoderLayer::forward(MatrixView<float> x, const StepRows& rows, std::size_t wanted, Attention& attention,
                           LayerWorkspace& work, const RowsCallback& after_rows) const {
  const TraceSpan span("layer", SpanKind::other, x.rows(), layer_);
  switch (shape_.mixer) {
    case Mixer::attention:
      return forward_attention(x, rows, wanted, attention, work, after_rows);
  }
}

void DecoderLayer::forward_attention(MatrixView<float> x, const StepRows& rows, std::size_t wanted,
                                     Attention& attention, LayerWorkspace& work, const RowsCallback& after_rows) const {
  const bool with_queries = wanted == x.rows() && wanted <= work.max_queries();  // made of the same normalised rows
  for_blocks(x.rows(), work, [&](std::size_t begin, std::size_t end) {
    const auto k = work.keys(end - begin);
    const auto v = work.values(end - begin);
    LinearInput input = work.normed(x.rows(begin, end), weights_->input_norm, epsilon_);
    project_rotated("k", input, weights_->k, weights_->k_norm, epsilon_, rows.rotations(shape_, begin, end), k, work);
    project("v", input, weights_->v, v.matrix(), Output::overwrite, work);
    attention.write(layer_, begin, k, v);
    if (with_queries) project_queries(input, rows, begin, work.queries(wanted).tokens(begin, end), work);
  });
  std::size_t begin = x.rows() - wanted;
  do {  // once without rows too
    const std::size_t end = std::min(begin + work.max_queries(), x.rows());
    transform(x.rows(begin, end), rows.part(begin, end), with_queries, attention, work);
    if (after_rows) after_rows(end);
    begin = end;
  } while (begin < x.rows());
}

void DecoderLayer::transform(MatrixView<float> x, const StepRows& rows, bool has_queries, Attention& attention,
                             LayerWorkspace& work) const {
  const auto q = work.queries(x.rows());  // becomes the attention's result in place
  if (!has_queries) {
    for_blocks(x.rows(), work, [&](std::size_t begin, std::size_t end) {
      LinearInput input = work.normed(x.rows(begin, end), weights_->input_norm, epsilon_);
      project_queries(input, rows, begin, q.tokens(begin, end), work);
    });
  }
  {
    const TraceSpan span("attention", SpanKind::attention, x.rows());
    attention.attend(layer_, q, rows.positions, shape_.attention());
  }
  for_blocks(x.rows(), work, [&](std::size_t begin, std::size_t end) {
    const auto block = x.rows(begin, end);
    LinearInput attended(q.tokens(begin, end).matrix());
    project("o", attended, weights_->o, block, Output::add, work);
    add_mlp(block, work);
  });
}

void DecoderLayer::add_mlp(MatrixView<float> x, LayerWorkspace& work) const {
  switch (shape_.mlp) {
    case Mlp::gated:
      return add_gated_mlp(x, work);
  }
}

/// x <- x + down(activation(gate(norm(x))) * up(norm(x)))
void DecoderLayer::add_gated_mlp(MatrixView<float> x, LayerWorkspace& work) const {
  const GatedWeights first{weights_->gate.weight.matrix, weights_->up.weight.matrix, weights_->gate.bias,
                           weights_->up.bias};
  LinearInput input = work.normed(x, weights_->mlp_norm, epsilon_);
  LinearInput wide = [&] {
    const TraceSpan span("gate, up", SpanKind::product, x.rows());
    switch (shape_.activation) {
      case Activation::silu:
        return gated(input, first, weights_->down.weight.matrix.type, work.linear());
    }
    GEMRING_CHECK(false, "activation {}", static_cast<int>(shape_.activation));
  }();
  project("down", wide, weights_->down, x, Output::add, work);
}

ScoringLayer::ScoringLayer(const ModelConfig& config, LayerIndex layer, std::shared_ptr<const LayerWeights> weights)
    : shape_(config.layer(layer)), epsilon_(config.norm_epsilon), layer_(layer), weights_(std::move(weights)) {}

void ScoringLayer::query(MatrixView<const float> x, const StepRows& row, std::span<float> query,
                         LayerWorkspace& work) const {
  GEMRING_CHECK(x.rows() == 1, "{} rows", x.rows());
  LinearInput normed = work.normed(x, weights_->input_norm, epsilon_);
  const auto heads = work.queries(1);
  project_rotated("q", normed, weights_->q, weights_->q_norm, epsilon_, row.rotations(shape_, 0, 1), heads, work);
  GEMRING_CHECK(query.size() == heads.size(), "{} of {} elements", query.size(), heads.size());
  std::copy_n(heads.data(), heads.size(), query.data());
}

void ScoringLayer::score(MatrixView<const float> x, const StepRows& rows, MatrixView<const float> queries,
                         MatrixView<float> scores, LayerWorkspace& work) const {
  keys(x, rows, work, [&](std::size_t begin, HeadsView<const float> k) {
    for (std::size_t column = 0; column < queries.rows(); ++column) {
      score_keys({queries.row(column), queries.cols()}, k, {scores.row(column) + begin, k.tokens()});
    }
  });
}

void ScoringLayer::keys(MatrixView<const float> x, const StepRows& rows, LayerWorkspace& work,
                        const KeysCallback& take) const {
  for_blocks(x.rows(), work, [&](std::size_t begin, std::size_t end) {
    const auto k = work.keys(end - begin);
    LinearInput normed = work.normed(x.rows(begin, end), weights_->input_norm, epsilon_);
    project_rotated("k", normed, weights_->k, weights_->k_norm, epsilon_, rows.rotations(shape_, begin, end), k, work);
    take(begin, k);
  });
}

void Embedding::gather(std::span<const TokenId> ids, MatrixView<float> x) const {
  gather_each(
      ids.size(), [&](std::size_t t) { return ids[t]; }, x);
}

void Embedding::gather(std::span<const TokenId> ids, std::span<const GlobalPosition> positions,
                       MatrixView<float> x) const {
  gather_each(
      positions.size(), [&](std::size_t t) { return ids[positions[t].index()]; }, x);
}

template <class IdOf>
void Embedding::gather_each(std::size_t count, IdOf id_of, MatrixView<float> x) const {
  const TraceSpan span("embedding", SpanKind::embedding, count);
  const WeightMatrix& table = table_.matrix;
  const std::size_t stride = row_bytes(table.type, table.cols);
  for (std::size_t t = 0; t < count; ++t)
    GEMRING_CHECK(id_of(t).index() < table.rows, "id {} of {}", id_of(t).value(), table.rows);
    // The activations' pages lie next to the threads that normalise and rotate these rows, split like this too.
#pragma omp parallel for schedule(static) if (count > 1)
  for (std::size_t t = 0; t < count; ++t)
    widen(table.type, static_cast<const std::byte*>(table.data) + id_of(t).index() * stride, x.row(t), table.cols);
}

OutputHead::OutputHead(const ModelConfig& config, const TensorSource& source, const Embedding* embedding)
    : epsilon_(config.norm_epsilon), norm_(load_output_norm(source, config)) {
  if (!config.tied_embeddings)
    matrix_ = load_output_matrix(source, config);
  else
    matrix_ = embedding != nullptr ? embedding->table() : load_embedding(source, config);
}

void OutputHead::logits(MatrixView<float> x, MatrixView<float> logits, LayerWorkspace& work) const {
  rms_norm(x, norm_, epsilon_, x);
  LinearInput input(x);
  LinearScratch& scratch = work.linear();
  const bool of_prompt = !scratch.alone();
  if (of_prompt) scratch.set_rows(LinearScratch::Rows::last);
  multiply("logits", input, matrix_.matrix, logits, Output::overwrite, work);
  if (of_prompt) scratch.set_rows(LinearScratch::Rows::together);
}

}  // namespace gemring

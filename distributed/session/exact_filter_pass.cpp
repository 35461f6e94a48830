#include "distributed/session/exact_filter_pass.h"

#include <algorithm>
#include <optional>

#include "distributed/plan/work_terms.h"
#include "distributed/ring/group_attention.h"
#include "distributed/session/filter_rows.h"
#include "engine/attention/local_attention.h"
#include "engine/base/check.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

std::unique_ptr<Attention> make_attention(Communicator& group, const std::vector<ZigzagShards>& one_chunk,
                                          const ModelConfig& config, const ComputeOptions& options, KvCache& cache,
                                          std::size_t max_queries) {
  const auto heads = static_cast<std::size_t>(config.heads);
  if (group.size() == 1) return std::make_unique<LocalAttention>(cache, heads, max_queries);
  auto shared = std::make_unique<GroupAttention>(cache, group, one_chunk, heads, LastLayer{}, options.ring);
  shared->begin_chunk(0);
  return shared;
}

/// Of a layer's work over positions 0 .. all - 1, the share that is done when all keys and the first `queries` of the
/// rest are. The last queries see the most keys.
double work_share(const ModelConfig& config, LayerIndex layer, std::size_t queries, std::size_t all) {
  const LayerFlop flop(config);
  const auto flop_to = [&](std::size_t end) {
    const PositionRange range{GlobalPosition(0), GlobalPosition(end)};
    return 2 * flop.keys * static_cast<double>(all) + (flop.query + flop.output + flop.mlp) * static_cast<double>(end) +
           flop.pair * keys_seen({range}, config.layer(layer).window);
  };
  return flop_to(queries) / flop_to(all);
}

}  // namespace

/// What the layer at hand needs.
struct ExactFilterPass::Scratch {
  Scratch(const ExactFilterPass& pass, std::size_t max_queries)
      : work(pass.config_, pass.positions_.size(), max_queries),
        cache(kv_shape(pass.config_, pass.options_.kv_type), LayerIndex(pass.next_layer_), 1, pass.positions_.size()) {
    cache.begin_step(pass.positions_);
    attention = make_attention(pass.group_, pass.one_chunk_, pass.config_, pass.options_, cache, max_queries);
  }

  LayerWorkspace work;
  KvCache cache;  // one layer's alive at a time
  std::unique_ptr<Attention> attention;
};

ExactFilterPass::ExactFilterPass(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                                 const ComputeOptions& options, const ZigzagShards& shards, const AskingTokens& asking,
                                 std::span<const TokenId> prompt)
    : group_(group),
      config_(config),
      parts_(parts),
      options_(options),
      one_chunk_({shards}),
      asking_(asking),
      positions_(shards.positions(group.member())) {
  const std::vector<TokenId> ids = scatter_ids(
      group, [&](int member) { return shards.positions(member); }, prompt);
  {
    const TraceSpan span("set up filter", SpanKind::set_up, positions_.size());
    ropes_ = RopeTables(config, shards.range().size(), positions_);
    activations_ = Buffer<float>(positions_.size() * static_cast<std::size_t>(config.hidden));
    scores_ = Buffer<float>(positions_.size() * columns());
    scratch();
  }
  parts_.embedding->gather(ids, x());
}

ExactFilterPass::~ExactFilterPass() = default;

MatrixView<float> ExactFilterPass::x() {
  return {activations_.data(), positions_.size(), static_cast<std::size_t>(config_.hidden)};
}

std::size_t ExactFilterPass::columns() const {
  return parts_.profile->heads.size() * static_cast<std::size_t>(asking_.count);
}

ExactFilterPass::Scratch& ExactFilterPass::scratch() {
  if (!scratch_) scratch_ = std::make_unique<Scratch>(*this, queries_at_once(positions_.size(), group_.size()));
  return *scratch_;
}

void ExactFilterPass::wait() {
  scratch_.reset();
}

void ExactFilterPass::run_step(const Progress& progress) {
  GEMRING_CHECK(next_layer_ < parts_.layers.size(), "layer {} of {}", next_layer_, parts_.layers.size());
  Scratch& scratch = this->scratch();
  const StepRows rows{positions_, &ropes_, 0};
  const LayerIndex layer(next_layer_);
  score_in(layer);
  scratch.cache.move_to(layer);
  parts_.layers[next_layer_].forward(x(), rows, positions_.size(), *scratch.attention, scratch.work,
                                     [&](std::size_t done) {
                                       if (progress) progress(work_share(config_, layer, done, positions_.size()));
                                     });
  ++next_layer_;
}

void ExactFilterPass::score_in(LayerIndex layer) {
  const std::span<const ScoringHead> heads = heads_in(*parts_.profile, layer);
  if (heads.empty()) return;
  const ScoringLayer& scoring = scoring_layer(parts_.scoring, layer);
  const StepRows rows{positions_, &ropes_, 0};
  LayerWorkspace& work = scratch().work;
  const ZigzagShards& shards = one_chunk_.front();
  const auto asking = static_cast<std::size_t>(asking_.count);
  const auto width = static_cast<std::size_t>(config_.query_width());
  std::vector<float> memory(asking * width);
  const MatrixView<float> queries(memory.data(), asking, width);
  own_queries(scoring, x(), rows, asking_, queries, work);
  share_queries(
      group_, [&](GlobalPosition position) { return shards.owner(position); }, asking_, queries);
  const std::vector<float> of_heads = queries_of(queries, config_, heads);
  const std::size_t before = static_cast<std::size_t>(heads.data() - parts_.profile->heads.data()) * asking;
  const std::size_t columns = heads.size() * asking;
  scoring.score(x(), rows, {of_heads.data(), columns, width},
                {scores_.data() + before * positions_.size(), columns, positions_.size()}, work);
}

std::vector<float> ExactFilterPass::score() {
  GEMRING_CHECK(next_layer_ == parts_.layers.size(), "behind layer {} of {}", next_layer_, parts_.layers.size());
  score_in(LayerIndex(next_layer_));
  const ZigzagShards& shards = one_chunk_.front();
  return gather_scores(
      group_, [&](int member) { return shards.positions(member); }, {scores_.data(), scores_.size()}, columns(),
      static_cast<std::size_t>(shards.range().size()));
}

}  // namespace gemring

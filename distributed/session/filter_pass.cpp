#include "distributed/session/filter_pass.h"

#include <algorithm>
#include <optional>

#include "distributed/plan/work_terms.h"
#include "distributed/ring/group_attention.h"
#include "engine/attention/local_attention.h"
#include "engine/base/check.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

/// Of the prompt each member gets the ids of its shard and nothing else.
std::vector<TokenId> scatter_ids(Communicator& group, const ZigzagShards& shards, std::span<const TokenId> prompt) {
  std::vector<TokenId> own(static_cast<std::size_t>(shards.size(group.member())));
  if (group.member() != 0) {
    receive(group, std::span(own), 0, MessageKind::tokens).wait();
    return own;
  }
  std::vector<std::vector<TokenId>> ids(static_cast<std::size_t>(group.size()));
  std::vector<Transfer> transfers;
  for (int member = 0; member < group.size(); ++member) {
    auto& theirs = ids[static_cast<std::size_t>(member)];
    for (const GlobalPosition position : shards.positions(member)) theirs.push_back(prompt[position.index()]);
    if (member > 0) transfers.push_back(send<TokenId>(group, theirs, member, MessageKind::tokens));
  }
  wait_all(transfers);
  return ids.front();
}

/// Scores of all members' rows on the first one, in order of position.   own: [columns, own rows]. Returns [columns, n]
std::vector<float> gather_scores(Communicator& group, const ZigzagShards& shards, std::span<const float> own,
                                 std::size_t columns) {
  if (group.member() != 0) {
    send(group, own, 0, MessageKind::scores).wait();
    return {};
  }
  const auto all = static_cast<std::size_t>(shards.range().size());
  std::vector<float> scores(columns * all);
  std::vector<float> theirs(columns * static_cast<std::size_t>(shards.largest()));
  for (int member = 0; member < group.size(); ++member) {
    const auto positions = shards.positions(member);
    std::span<const float> values = own;
    if (member > 0) {
      receive(group, std::span(theirs).first(columns * positions.size()), member, MessageKind::scores).wait();
      values = theirs;
    }
    for (std::size_t column = 0; column < columns; ++column) {
      for (std::size_t i = 0; i < positions.size(); ++i) {
        scores[column * all + positions[i].index()] = values[column * positions.size() + i];
      }
    }
  }
  return scores;
}

std::unique_ptr<Attention> make_attention(Communicator& group, const std::vector<ZigzagShards>& one_chunk,
                                          const ModelConfig& config, const ComputeOptions& options, KvCache& cache,
                                          std::size_t max_queries) {
  const auto heads = static_cast<std::size_t>(config.heads);
  if (group.size() == 1) return std::make_unique<LocalAttention>(cache, heads, max_queries);
  auto shared = std::make_unique<GroupAttention>(cache, group, one_chunk, heads, LastLayer{}, options.ring);
  shared->begin_chunk(0);
  return shared;
}

/// The last token's query, as each of `heads` sees it: the other heads are zero.   Returns [heads, query_width]
std::vector<float> queries_of(Communicator& group, const ModelConfig& config, const ScoringLayer& scoring,
                              std::span<const ScoringHead> heads, MatrixView<const float> x, const StepRows& rows,
                              LayerWorkspace& work) {
  const auto width = static_cast<std::size_t>(config.query_width());
  const auto head_dim = static_cast<std::size_t>(config.head_dim);
  std::vector<float> query(width);  // the last token lives on the group's first rank
  if (group.member() == 0) scoring.query(x.rows(x.rows() - 1, x.rows()), rows.from(x.rows() - 1), query, work);
  group.broadcast(std::as_writable_bytes(std::span(query)), 0);
  std::vector<float> queries(heads.size() * width, 0.0f);
  for (std::size_t i = 0; i < heads.size(); ++i) {
    const std::size_t begin = heads[i].head ? static_cast<std::size_t>(*heads[i].head) * head_dim : 0;
    const std::size_t count = heads[i].head ? head_dim : width;
    std::copy_n(query.data() + begin, count, queries.data() + i * width + begin);
  }
  return queries;
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
struct FilterPass::Scratch {
  Scratch(const FilterPass& pass, std::size_t max_queries)
      : work(pass.config_, pass.positions_.size(), max_queries),
        cache(kv_shape(pass.config_, pass.options_.kv_type), LayerIndex(pass.next_layer_), 1, pass.positions_.size()) {
    cache.begin_step(pass.positions_);
    attention = make_attention(pass.group_, pass.one_chunk_, pass.config_, pass.options_, cache, max_queries);
  }

  LayerWorkspace work;
  KvCache cache;  // one layer's alive at a time
  std::unique_ptr<Attention> attention;
};

FilterPass::FilterPass(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                       const ComputeOptions& options, const ZigzagShards& shards, std::span<const TokenId> prompt)
    : group_(group),
      config_(config),
      parts_(parts),
      options_(options),
      one_chunk_({shards}),
      positions_(shards.positions(group.member())) {
  const std::vector<TokenId> ids = scatter_ids(group, shards, prompt);
  {
    const TraceSpan span("set up filter", SpanKind::set_up, positions_.size());
    ropes_ = RopeTables(config, shards.range().size(), positions_);
    activations_ = Buffer<float>(positions_.size() * static_cast<std::size_t>(config.hidden));
    scores_ = Buffer<float>(positions_.size() * parts.profile->heads.size());
    scratch();
  }
  parts_.embedding->gather(ids, x());
}

FilterPass::~FilterPass() = default;

MatrixView<float> FilterPass::x() {
  return {activations_.data(), positions_.size(), static_cast<std::size_t>(config_.hidden)};
}

FilterPass::Scratch& FilterPass::scratch() {
  if (!scratch_) scratch_ = std::make_unique<Scratch>(*this, queries_at_once(positions_.size(), group_.size()));
  return *scratch_;
}

void FilterPass::wait() {
  scratch_.reset();
}

void FilterPass::run_layer(const Progress& progress) {
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

void FilterPass::score_in(LayerIndex layer) {
  const std::vector<ScoringHead>& all = parts_.profile->heads;
  const auto [begin, end] = std::equal_range(all.begin(), all.end(), ScoringHead{.layer = layer, .head = std::nullopt},
                                             [](const auto& a, const auto& b) { return a.layer < b.layer; });
  if (begin == end) return;
  const auto scoring = std::find_if(parts_.scoring.begin(), parts_.scoring.end(),
                                    [&](const ScoringLayer& each) { return each.layer() == layer; });
  GEMRING_CHECK(scoring != parts_.scoring.end(), "layer {} was not loaded to score", layer.value());
  const StepRows rows{positions_, &ropes_, 0};
  const auto count = static_cast<std::size_t>(end - begin);
  LayerWorkspace& work = scratch().work;
  const std::vector<float> queries = queries_of(group_, config_, *scoring, {begin, end}, x(), rows, work);
  float* const own = scores_.data() + static_cast<std::size_t>(begin - all.begin()) * positions_.size();
  scoring->score(x(), rows, {queries.data(), count, queries.size() / count}, {own, count, positions_.size()}, work);
}

std::vector<float> FilterPass::score() {
  GEMRING_CHECK(next_layer_ == parts_.layers.size(), "behind layer {} of {}", next_layer_, parts_.layers.size());
  score_in(LayerIndex(next_layer_));
  return gather_scores(group_, one_chunk_.front(), {scores_.data(), scores_.size()}, parts_.profile->heads.size());
}

}  // namespace gemring

#include "distributed/session/filter.h"

#include <memory>
#include <optional>

#include "distributed/plan/zigzag.h"
#include "distributed/ring/group_attention.h"
#include "engine/attention/kv_cache.h"
#include "engine/attention/local_attention.h"
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

/// Scores of all members' rows on the first one, in order of position.
std::vector<float> gather_scores(Communicator& group, const ZigzagShards& shards, std::span<const float> own) {
  if (group.member() != 0) {
    send(group, own, 0, MessageKind::scores).wait();
    return {};
  }
  std::vector<float> scores(static_cast<std::size_t>(shards.range().size()));
  std::vector<float> theirs(static_cast<std::size_t>(shards.largest()));
  for (int member = 0; member < group.size(); ++member) {
    const auto positions = shards.positions(member);
    std::span<const float> values = own;
    if (member > 0) {
      receive(group, std::span(theirs).first(positions.size()), member, MessageKind::scores).wait();
      values = theirs;
    }
    for (std::size_t i = 0; i < positions.size(); ++i) scores[positions[i].index()] = values[i];
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

/// Raw scores of this rank's rows. The query belongs to the last token, which lives on the group's first rank.
std::vector<float> score_rows(Communicator& group, const ModelConfig& config, const ScoringLayer& scoring,
                              MatrixView<const float> x, const StepRows& rows, LayerWorkspace& work) {
  std::vector<float> query(static_cast<std::size_t>(config.query_width()));
  if (group.member() == 0) scoring.query(x.rows(x.rows() - 1, x.rows()), rows.from(x.rows() - 1), query, work);
  group.broadcast(std::as_writable_bytes(std::span(query)), 0);
  std::vector<float> scores(x.rows());
  scoring.score(x, rows, query, scores, work);
  return scores;
}

}  // namespace

std::vector<float> filter(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                          const ComputeOptions& options, std::span<const TokenId> prompt, const ZigzagShards& shards,
                          const std::function<void(double, double)>& progress) {
  const std::vector<TokenId> ids = scatter_ids(group, shards, prompt);
  const std::vector<GlobalPosition> positions = shards.positions(group.member());

  std::optional<TraceSpan> set_up(std::in_place, "set up filter", SpanKind::set_up, positions.size());
  const RopeTables ropes(config, shards.range().size(), positions);
  const StepRows rows{positions, &ropes, 0};
  const std::size_t max_queries = queries_at_once(positions.size(), group.size());
  LayerWorkspace work(config, positions.size(), max_queries);
  Buffer<float> activations(positions.size() * static_cast<std::size_t>(config.hidden));
  const MatrixView<float> x(activations.data(), positions.size(), static_cast<std::size_t>(config.hidden));
  KvCache cache(kv_shape(config, options.kv_type), LayerIndex(0), 1, positions.size());  // one layer's alive at a time
  cache.begin_step(positions);
  const std::vector<ZigzagShards> one_chunk = {shards};
  const std::unique_ptr<Attention> attention = make_attention(group, one_chunk, config, options, cache, max_queries);
  set_up.reset();

  parts.embedding->gather(ids, x);
  const auto total = static_cast<double>(parts.layers.size());
  for (std::size_t layer = 0; layer < parts.layers.size(); ++layer) {
    cache.move_to(LayerIndex(layer));
    parts.layers[layer].forward(x, rows, x.rows(), *attention, work);
    if (progress) progress(static_cast<double>(layer) + 1, total);
  }
  return gather_scores(group, shards, score_rows(group, config, *parts.scoring, x, rows, work));
}

}  // namespace gemring

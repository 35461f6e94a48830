#include "distributed/session/filter_rows.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {

std::vector<TokenId> scatter_ids(Communicator& group, const PositionsOf& positions, std::span<const TokenId> prompt) {
  if (group.member() != 0) {
    std::vector<TokenId> own(positions(group.member()).size());
    receive(group, std::span(own), 0, MessageKind::tokens).wait();
    return own;
  }
  std::vector<std::vector<TokenId>> ids(static_cast<std::size_t>(group.size()));
  std::vector<Transfer> transfers;
  for (int member = 0; member < group.size(); ++member) {
    auto& theirs = ids[static_cast<std::size_t>(member)];
    for (const GlobalPosition position : positions(member)) theirs.push_back(prompt[position.index()]);
    if (member > 0) transfers.push_back(send<TokenId>(group, theirs, member, MessageKind::tokens));
  }
  wait_all(transfers);
  return ids.front();
}

std::vector<float> gather_scores(Communicator& group, const PositionsOf& positions, std::span<const float> own,
                                 std::size_t columns, std::size_t n) {
  if (group.member() != 0) {
    send(group, own, 0, MessageKind::scores).wait();
    return {};
  }
  std::vector<float> scores(columns * n);
  std::vector<float> theirs;
  for (int member = 0; member < group.size(); ++member) {
    const auto rows = positions(member);
    std::span<const float> values = own;
    if (member > 0) {
      theirs.assign(columns * rows.size(), 0.0f);
      receive(group, std::span(theirs), member, MessageKind::scores).wait();
      values = theirs;
    }
    for (std::size_t column = 0; column < columns; ++column) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        scores[column * n + rows[i].index()] = values[column * rows.size() + i];
      }
    }
  }
  return scores;
}

std::span<const ScoringHead> heads_in(const FilterProfile& profile, LayerIndex layer) {
  const std::vector<ScoringHead>& all = profile.heads;
  const auto [begin, end] = std::equal_range(all.begin(), all.end(), ScoringHead{.layer = layer, .head = std::nullopt},
                                             [](const auto& a, const auto& b) { return a.layer < b.layer; });
  return {begin, end};
}

const ScoringLayer& scoring_layer(std::span<const ScoringLayer> layers, LayerIndex layer) {
  const auto found =
      std::find_if(layers.begin(), layers.end(), [&](const ScoringLayer& each) { return each.layer() == layer; });
  GEMRING_CHECK(found != layers.end(), "layer {} was not loaded to score", layer.value());
  return *found;
}

std::vector<float> queries_of(MatrixView<const float> queries, const ModelConfig& config,
                              std::span<const ScoringHead> heads) {
  const auto head_dim = static_cast<std::size_t>(config.head_dim);
  std::vector<float> of_heads(heads.size() * queries.rows() * queries.cols(), 0.0f);
  float* row = of_heads.data();
  for (const ScoringHead& head : heads) {
    const std::size_t begin = head.head ? static_cast<std::size_t>(*head.head) * head_dim : 0;
    const std::size_t count = head.head ? head_dim : queries.cols();
    for (std::size_t i = 0; i < queries.rows(); ++i, row += queries.cols())
      std::copy_n(queries.row(i) + begin, count, row + begin);
  }
  return of_heads;
}

void own_queries(const ScoringLayer& scoring, MatrixView<const float> x, const StepRows& rows,
                 const AskingTokens& asking, MatrixView<float> queries, LayerWorkspace& work) {
  for (std::int32_t i = 0; i < asking.count; ++i) {
    const auto own = std::lower_bound(rows.positions.begin(), rows.positions.end(), asking.position(i));
    if (own == rows.positions.end() || *own != asking.position(i)) continue;
    const auto row = static_cast<std::size_t>(own - rows.positions.begin());
    scoring.query(x.rows(row, row + 1), rows.from(row), queries.row_span(static_cast<std::size_t>(i)), work);
  }
}

void share_queries(Communicator& group, const std::function<int(GlobalPosition)>& owner, const AskingTokens& asking,
                   MatrixView<float> queries) {
  for (std::int32_t begin = 0, end = 0; begin < asking.count; begin = end) {
    const int root = owner(asking.position(begin));
    while (end < asking.count && owner(asking.position(end)) == root) ++end;
    const MatrixView<float> theirs = queries.rows(static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
    group.broadcast(std::as_writable_bytes(std::span(theirs.data(), theirs.rows() * theirs.cols())), root);
  }
}

}  // namespace gemring

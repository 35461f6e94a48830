// What filter passes of any kind do with their rows: ids go out to their owners, queries to all, scores come back.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "engine/base/types.h"
#include "engine/model/decoder_layer.h"
#include "engine/selection/asking_tokens.h"
#include "engine/selection/filter_profile.h"

namespace gemring {

/// The positions of a member's rows, in the rows' order.
using PositionsOf = std::function<std::vector<GlobalPosition>(int member)>;

/// Of the prompt, which the first rank has, each member gets the ids of its own rows and nothing else.
std::vector<TokenId> scatter_ids(Communicator& group, const PositionsOf& positions, std::span<const TokenId> prompt);

/// Scores of all members' rows on the first one, in order of position.   own: [columns, own rows]. Returns [columns, n]
std::vector<float> gather_scores(Communicator& group, const PositionsOf& positions, std::span<const float> own,
                                 std::size_t columns, std::size_t n);

/// The heads of a profile that score in `layer`.
std::span<const ScoringHead> heads_in(const FilterProfile& profile, LayerIndex layer);

/// `parts.scoring`'s layer. Requires: it is there.
const ScoringLayer& scoring_layer(std::span<const ScoringLayer> layers, LayerIndex layer);

/// Queries of all heads, as each of `heads` sees them: the other heads are zero.   queries: [n, query_width]. Returns
/// [heads, n, query_width]
std::vector<float> queries_of(MatrixView<const float> queries, const ModelConfig& config,
                              std::span<const ScoringHead> heads);

/// Of the asking tokens' queries those that are this member's.   x: [rows, hidden] at `rows`' positions, ascending;
/// queries: [asking.count, query_width]
void own_queries(const ScoringLayer& scoring, MatrixView<const float> x, const StepRows& rows,
                 const AskingTokens& asking, MatrixView<float> queries, LayerWorkspace& work);

/// To all members, from those that have them.   queries: as above
void share_queries(Communicator& group, const std::function<int(GlobalPosition)>& owner, const AskingTokens& asking,
                   MatrixView<float> queries);

}  // namespace gemring

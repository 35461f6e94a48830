// ClusterPlan: who owns which layers and positions. A pure value, the same on every rank.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distributed/plan/chunk_deal.h"
#include "distributed/plan/machines.h"
#include "distributed/plan/zigzag.h"
#include "engine/base/types.h"

namespace gemring {

enum class Method { gemfilter, full };

/// A group of ranks as a cluster file writes it: explicit numbers, or a symbol.
struct GroupSpec {
  enum class Symbol { none, first, rest, all };  // rank 0; every rank but 0 (of one rank: rank 0); every rank
  Symbol symbol = Symbol::none;
  std::vector<RankId> ranks;  // with Symbol::none, in the order of the group
  Shares shares = {};         // of the positions, one for each rank of the group; empty: equal ones
};

/// One entry of a cluster file's `stages`: a group that is cut into `cut` consecutive stages (sizes differing by at
/// most one, larger first: 1,2 | 3). cut 0: one stage per rank of the group. layers 0: an equal share. A symbol's group
/// may have fewer ranks than `cut` (the file serves any number of ranks): it is then cut into single ranks. Of a group
/// of rank numbers that is an error.
struct StageSpec {
  GroupSpec group;
  std::int32_t cut = 1;
  std::int32_t layers = 0;  // decoder layers of each stage of this entry; 0: the rest shared equally, larger first
};

/// What a cluster file says (cluster.proto), before the number of ranks is known.
struct ClusterSpec {
  std::string name;                           // of the file, for errors
  std::optional<GroupSpec> filter;            // unset: rank 0
  std::vector<StageSpec> stages;              // empty: the default of the method
  std::int32_t chunk_length = 0;              // tokens of a pipeline chunk; 0: chosen from length and stages
  std::optional<MachinesSpec> machines = {};  // layers and shares that nobody gives follow their speed
};

struct StagePlan {
  LayerIndex first_layer;
  LayerIndex end_layer;       // one behind the last
  std::vector<RankId> ranks;  // the group, its first rank first
  Shares shares = {};         // of these in every chunk; empty: equal ones
  bool layers_open = false;   // nobody asked for these layers or shares: they may follow machines and memory
  bool shares_open = false;
  std::int32_t layers() const { return end_layer - first_layer; }
};

struct ClusterPlan {
  int ranks = 1;  // of the job
  Method method = Method::gemfilter;
  std::int32_t layers = 0;           // of the model
  std::vector<RankId> filter_group;  // rank 0 first; empty with Method::full
  Shares filter_shares = {};         // of these; empty: equal ones
  bool filter_shares_open = true;    // as in StagePlan
  std::vector<StagePlan> stages;     // consecutive layer intervals, every one at least one layer
  std::int32_t chunk_length = 0;     // as in ClusterSpec
  GroupLinks links = {};             // of all ranks, where machines are described; else nothing is known of them

  GroupLinks group_links(const std::vector<RankId>& group) const;  // for choose_ring()

  std::vector<RankId> idle_ranks() const;  // named by no group
  std::optional<std::size_t> stage_of(RankId rank) const;
  bool filters(RankId rank) const;

  /// Pipeline chunks of a sequence of n positions: one for a single stage of several ranks (the whole prompt, shared as
  /// zigzag shards; chunk_length has no effect), else pieces of chunk_length, the last one shorter. chunk_length 0:
  /// 2048 for a single stage of one rank, else a quarter of a stage's share of the prompt, between 128 and 1024. n 0:
  /// none.
  std::vector<PositionRange> chunks(std::int32_t n) const;

  /// Who owns which positions of a prompt of n in the filter pass, and of each chunk of a sequence of n in a stage.
  ZigzagShards filter_shards(std::int32_t n) const;
  ChunkDeal filter_deal(std::int32_t n, std::int32_t chunk) const;  // of a windowed filter pass
  std::vector<ZigzagShards> stage_shards(std::size_t stage, std::int32_t n) const;

  std::string describe() const;  // the table that `gemring plan` prints and the log shows at start
};

/// Without a file: one rank does everything; with more, rank 0 filters and the rest are stages of one rank each; with
/// Method::full all ranks are stages. Ranks beyond the number of layers stay idle.
ClusterPlan default_plan(int ranks, Method method, std::int32_t layers);

/// The plan of a cluster file for so many ranks, layers and shares that it leaves open in proportion to its machines'
/// speed. With Method::full the filter group is left out; without stages the
/// default's are taken. Throws ConfigError naming file, group and rank: a rank twice in one group or in two stages, a
/// rank beyond `ranks`, a filter group that does not begin with rank 0, a group of numbers cut into more stages than it
/// has ranks, more stages than layers, layers that do not add up, an empty group, shares that are not one for each
/// rank.
ClusterPlan resolve(const ClusterSpec& spec, int ranks, Method method, std::int32_t layers);

}  // namespace gemring

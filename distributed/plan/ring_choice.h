// By which ring variant each chunk of a sequence goes round. Pure: the ranks that run ask the same as the plan that
// counts their bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "distributed/plan/ring_variant.h"
#include "distributed/plan/zigzag.h"
#include "engine/attention/kv_cache.h"

namespace gemring {

/// What the choice of a variant goes by where nothing was measured: shared memory inside a host, 10 Gbit/s Ethernet
/// between hosts, and a few cores a rank.
inline constexpr LinkSpeed kAssumedWithinHost{5e9, 5e-6};
inline constexpr LinkSpeed kAssumedBetweenHosts{1.25e9, 50e-6};
inline constexpr double kAssumedAttentionFlops = 100e9;

inline LinkSpeed measured_or(const LinkSpeed& measured, const LinkSpeed& assumed) {
  return measured.bytes_per_second > 0 ? measured : assumed;
}

/// How the members of a group meet; the same on every rank.
struct RingOptions {
  std::optional<RingVariant> variant;     // unset: the cheapest, for each chunk by itself
  DataType message_type = DataType::f32;  // f32, bf16 or q8_0 (message_types.h)
  GroupLinks links = {kAssumedWithinHost, kAssumedBetweenHosts, {}};
  double attention_flops = kAssumedAttentionFlops;  // of a rank, per second
};

/// The same options where the group's links were measured (ClusterPlan::group_links); what was not stays assumed.
RingOptions on_links(RingOptions options, const GroupLinks& measured);

/// The last layer of a sequence, where only some queries are wanted.
struct LastLayer {
  LayerIndex layer{-1};        // LayerIndex(-1): not here
  GlobalPosition wanted_from;  // of these positions on

  bool here() const { return layer.value() >= 0; }
  bool is(LayerIndex other) const { return here() && layer == other; }
};

struct RingChoice {
  struct Layer {
    RingVariant variant = RingVariant::pass_kv;
    std::vector<double> bytes_sent;  // by each member
  };
  struct Chunk {
    Layer last;    // the last layer; nothing where it is not here
    Layer others;  // each of the others
  };
  std::vector<Chunk> chunks;

  /// Of the chunks that a variant is chosen for: the most queries of a member. Unset: chosen for none.
  std::array<std::optional<std::int32_t>, std::size(kRingVariants)> most_queries;
  std::int32_t most_keys = 0;  // of a member, behind the last chunk
  std::int32_t all_keys = 0;   // of all of them
};

/// What goes round in a group's attention, of no members yet.
RingWork ring_work(const KvShape& shape, std::int32_t heads, DataType message_type);

/// `chunks`: shards of every chunk of a sequence, in order, of a group of several.
RingChoice choose_variants(std::span<const ZigzagShards> chunks, const LastLayer& last, const KvShape& shape,
                           std::int32_t heads, const RingOptions& options);

}  // namespace gemring

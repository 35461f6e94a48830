// The ways in which queries and keys of a group's shards can meet, and what each costs. Pure; every rank that asks with
// the same figures gets the same answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/tensor/data_type.h"

namespace gemring {

/// Member i of g; Qj, Kj: queries and keys with values of member j's shard.
///   pass_kv:     at step s member i attends to K(i - s) and passes it on to i + 1.             g - 1 steps of messages
///   pass_q:      every member sends its queries to all others and their partial results come straight back; keys stay.
///                Step 0: queries; step s: the result of Q(i - s) to its owner.                 g steps
///   token_ring:  queries go round (i to i + 1), and each partial result straight back to its owner (i to i - s), the
///                other way round: step s sends Q(i - s) on, but for the last one, and, but for the first one, its
///                result home.                                                                 g steps
///   all_gather:  every member sends its keys to all others, then attends to all at once.        1 step
enum class RingVariant : std::uint8_t { pass_kv, pass_q, token_ring, all_gather };
inline constexpr RingVariant kRingVariants[] = {RingVariant::pass_kv, RingVariant::pass_q, RingVariant::token_ring,
                                                RingVariant::all_gather};

/// "pass-kv", "pass-q", "token-ring", "all-gather".
std::string_view name(RingVariant variant);

struct LinkSpeed {
  double bytes_per_second = 0;  // 0: not known, messages take no time
  double latency_seconds = 0;   // of a message, whatever its size
  bool operator==(const LinkSpeed&) const = default;
};

struct GroupLinks {
  LinkSpeed within_host;            // of each rank: it copies what it sends
  LinkSpeed between_hosts;          // of a host in each direction, shared by all its ranks
  std::vector<std::int32_t> hosts;  // of each member, any numbers; empty: all on one host
};

/// One layer's attention over a group's shards.
struct RingWork {
  std::vector<std::int32_t> queries;  // of each member
  std::vector<std::int32_t> keys;     // of each member; more than its queries where earlier tokens are cached
  std::int32_t heads = 0;
  std::int32_t kv_heads = 0;
  std::int32_t head_dim = 0;
  DataType kv_type = DataType::f32;     // in which keys and values travel; blocks (q8_0) count with their scales
  DataType query_type = DataType::f32;  // queries
  DataType state_type = DataType::f32;  // outputs of partial results; their maxima and sums are two f32 a head
  double attention_seconds = 0;         // what the member that computes longest takes in all; 0: not known
  double overlap = 1;                   // share of a message that proceeds while its ranks compute, 0 to 1

  int members() const { return static_cast<int>(queries.size()); }
};

struct RingCost {
  std::vector<double> bytes_sent;  // by each member in all
  double transfer_seconds = 0;     // of all steps one after the other, if nothing ran beside them
  double seconds = 0;              // compute and messages, overlapping as `overlap` says
};

int steps(RingVariant variant, int members);

/// What `member` sends to others at `step`, 0 .. steps() - 1. One member sends nothing.
double bytes_sent(RingVariant variant, const RingWork& work, int member, int step);

/// All of it. A step of messages ends when the slowest member's has: a host's ranks share its network, the ranks of a
/// host copy for themselves. Messages of step s run beside the compute of step s; of pass_kv the last compute step has
/// none beside it, of pass_q and token_ring the results of the last one; of all_gather compute follows all messages.
///     step = max(compute, messages) + (1 - overlap) min(compute, messages)
RingCost ring_cost(RingVariant variant, const RingWork& work, const GroupLinks& links);

struct ChosenRing {
  RingVariant variant = RingVariant::pass_kv;
  RingCost cost;
};

/// all_gather adds up in the order of one rank, and so gives its bits; of the others the order of additions depends on
/// the number of members. Activations that are rounded to bf16 or 8 bits carry that on into scores and text, where two
/// tokens are about equal. Inside a host, where messages are copies, equal bits are worth so many times the seconds.
inline constexpr double kWorthOfEqualBits = 1.2;
inline constexpr double kMostGatheredBytes = 256e6;  // by a member, of one layer

/// The variant asked for. Unset: the one that takes the fewest seconds, of equal ones the first in the order of
/// RingVariant; but all_gather as said above, and only as long as its keys are no more than kMostGatheredBytes.
ChosenRing choose_ring(const RingWork& work, const GroupLinks& links, std::optional<RingVariant> asked = {});

}  // namespace gemring

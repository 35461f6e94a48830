// Logits on their way from the last stage to rank 0. Who sends which rows follows from the plan alone.
#pragma once

#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/zigzag.h"

namespace gemring {

/// Pieces of at most 64 positions from wanted_from on that `member` of these shards owns: one message each.
std::vector<PositionRange> logit_pieces(const ZigzagShards& shards, int member, GlobalPosition wanted_from);

/// Rank 0's side of a chunk of a prefill: all receives are posted at once, so that no sender ever waits for rank 0's
/// own work.
class LogitReceiver {
 public:
  /// senders: ranks of the last stage, which share the chunk as `shards`. rows: [positions of the whole prefill from
  /// wanted_from on, vocab] row-major; pieces that rank 0 computes itself are left to it.
  LogitReceiver(Communicator& world, const std::vector<RankId>& senders, const ZigzagShards& shards,
                GlobalPosition wanted_from, std::span<float> rows, std::size_t vocab);
  bool done();  // polls; true once all rows of the chunk are there

 private:
  std::vector<Transfer> transfers_;
};

}  // namespace gemring

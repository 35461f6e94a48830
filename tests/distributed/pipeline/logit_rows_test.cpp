#include "distributed/pipeline/logit_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <thread>

#include "distributed/plan/cluster_plan.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

using Pieces = std::vector<PositionRange>;

PositionRange range(int begin, int end) {
  return {GlobalPosition(begin), GlobalPosition(end)};
}

TEST(LogitPieces, AtMost64RowsEach) {
  const ZigzagShards alone(range(0, 150), 1);
  EXPECT_EQ(logit_pieces(alone, 0, GlobalPosition(0)), (Pieces{range(0, 64), range(64, 128), range(128, 150)}));
  EXPECT_EQ(logit_pieces(alone, 0, GlobalPosition(22)), (Pieces{range(22, 86), range(86, 150)}));
  EXPECT_EQ(logit_pieces(alone, 0, GlobalPosition(149)), (Pieces{range(149, 150)}));
  EXPECT_TRUE(logit_pieces(alone, 0, GlobalPosition(150)).empty());
}

TEST(LogitPieces, OnlyTheMembersOwnPositions) {
  const ZigzagShards shards(range(0, 11), 3);  // 0 | 9 10, 1 2 | 7 8, 3..6
  EXPECT_EQ(logit_pieces(shards, 0, GlobalPosition(0)), (Pieces{range(0, 1), range(9, 11)}));
  EXPECT_EQ(logit_pieces(shards, 1, GlobalPosition(2)), (Pieces{range(2, 3), range(7, 9)}));
  EXPECT_EQ(logit_pieces(shards, 1, GlobalPosition(8)), (Pieces{range(8, 9)}));
  EXPECT_TRUE(logit_pieces(shards, 2, GlobalPosition(7)).empty());
}

TEST(LogitPieces, TogetherTheyAreTheWantedPositions) {
  for (int n = 1; n < 300; n += 23) {
    for (int members = 1; members <= 4; ++members) {
      for (int from = 0; from <= n; from += 1 + n / 5) {
        const ZigzagShards shards(range(0, n), members);
        std::vector<std::int32_t> covered;
        for (int member = 0; member < members; ++member) {
          for (const PositionRange& piece : logit_pieces(shards, member, GlobalPosition(from))) {
            EXPECT_GT(piece.size(), 0);
            EXPECT_LE(piece.size(), 64);
            for (GlobalPosition p = piece.begin; p < piece.end; ++p) {
              EXPECT_EQ(shards.owner(p), member);
              covered.push_back(p.value());
            }
          }
        }
        std::sort(covered.begin(), covered.end());
        std::vector<std::int32_t> expected(static_cast<std::size_t>(n - from));
        std::iota(expected.begin(), expected.end(), from);
        EXPECT_EQ(covered, expected) << n << ", " << members << " members, from " << from;
      }
    }
  }
}

/// All ranks as one stage behind another: the plan has chunks.
ClusterPlan plan_of_all(int ranks, std::int32_t chunk_length) {
  ClusterPlan plan;
  plan.ranks = ranks;
  plan.method = Method::full;
  plan.layers = 2;
  plan.chunk_length = chunk_length;
  std::vector<RankId> everyone;
  for (int rank = 0; rank < ranks; ++rank) everyone.emplace_back(rank);
  plan.stages = {{LayerIndex(0), LayerIndex(1), {RankId(0)}}, {LayerIndex(1), LayerIndex(2), everyone}};
  return plan;
}

TEST(StageShards, OnePerChunkOverTheStagesRanks) {
  const ClusterPlan plan = plan_of_all(3, 10);
  const auto last = plan.stage_shards(1, 25);
  ASSERT_EQ(last.size(), 3u);
  EXPECT_EQ(last[0].range(), range(0, 10));
  EXPECT_EQ(last[2].range(), range(20, 25));
  EXPECT_EQ(last[1].members(), 3);
  EXPECT_EQ(plan.stage_shards(0, 25).front().members(), 1);
  EXPECT_TRUE(plan.stage_shards(0, 0).empty());
}

TEST(LogitReceiver, RowsOfOtherRanksArriveAtTheirPlace) {
  const ClusterPlan plan = plan_of_all(world().size(), 70);
  const std::int32_t n = 150;
  const GlobalPosition wanted_from(60);
  const std::size_t vocab = 3;
  const int self = world().member();
  std::vector<float> rows(self == 0 ? 90 * vocab : 0, -1);
  std::vector<LogitReceiver> receivers;  // of each chunk
  for (const ZigzagShards& shards : plan.stage_shards(1, n)) {
    if (self == 0) receivers.emplace_back(world(), plan.stages.back().ranks, shards, wanted_from, rows, vocab);
  }
  std::vector<Transfer> sends;
  std::vector<std::vector<float>> kept;  // until they are sent
  for (const ZigzagShards& shards : plan.stage_shards(1, n)) {
    for (const PositionRange& piece : logit_pieces(shards, self, wanted_from)) {
      if (self == 0) continue;  // computed in place
      std::vector<float> values;
      for (GlobalPosition p = piece.begin; p < piece.end; ++p)
        for (std::size_t i = 0; i < vocab; ++i)
          values.push_back(static_cast<float>(p.value() * 10) + static_cast<float>(i));
      kept.push_back(std::move(values));
      sends.push_back(send<float>(world(), kept.back(), 0, MessageKind::logits));
    }
  }
  for (Transfer& transfer : sends) transfer.wait();
  if (self != 0) return;
  for (LogitReceiver& receiver : receivers) {
    while (!receiver.done()) std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  for (const ZigzagShards& shards : plan.stage_shards(1, n)) {
    for (GlobalPosition p = std::max(shards.range().begin, wanted_from); p < shards.range().end; ++p) {
      const float expected = shards.owner(p) == 0 ? -1.0f : static_cast<float>(p.value() * 10);
      EXPECT_EQ(rows[static_cast<std::size_t>(p - wanted_from) * vocab], expected) << p.value();
    }
  }
}

}  // namespace
}  // namespace gemring

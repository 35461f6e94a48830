#include "distributed/pipeline/activation_link.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/base/check.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

constexpr std::size_t kHidden = 5;
constexpr int kChunk = 13;
constexpr int kChunks = 5;  // more than the two that may be under way
constexpr std::size_t kMaxRows = 13;

/// Needs more bits than bf16 has, so that rounding shows.
float value_at(GlobalPosition position, std::size_t column) {
  return static_cast<float>(position.value()) + static_cast<float>(column) / 1024.0f;
}

float as_sent(float value, DataType type) {
  return type == DataType::f32 ? value : to_float(to_bfloat16(value));
}

ZigzagShards chunk(int index, std::size_t members) {
  return {{GlobalPosition(index * kChunk), GlobalPosition((index + 1) * kChunk)}, static_cast<int>(members)};
}

/// This rank's place in a group of ranks; -1 where it has none.
int member_of(const std::vector<RankId>& ranks) {
  const auto found = std::find(ranks.begin(), ranks.end(), RankId(world().member()));
  return found == ranks.end() ? -1 : static_cast<int>(found - ranks.begin());
}

std::vector<float> rows_of(const ZigzagShards& shards, int member) {
  std::vector<float> x;
  for (const GlobalPosition position : shards.positions(member))
    for (std::size_t i = 0; i < kHidden; ++i) x.push_back(value_at(position, i));
  return x;
}

/// Sends every chunk from the ranks `here` to the ranks `next`; a rank may be in both.
void pass_on(const std::vector<RankId>& here, const std::vector<RankId>& next, DataType type) {
  const int sender_member = member_of(here);
  const int receiver_member = member_of(next);
  ActivationSender sender(world(), next, kMaxRows, kHidden, type);
  ActivationReceiver receiver(world(), here, kMaxRows, kHidden, type);
  const auto post = [&](int index) {
    if (receiver_member >= 0 && index < kChunks)
      receiver.post(link_messages(chunk(index, next.size()), receiver_member, chunk(index, here.size())));
  };
  post(0);
  for (int index = 0; index < kChunks; ++index) {
    post(index + 1);
    if (sender_member >= 0) {
      std::vector<float> x = rows_of(chunk(index, here.size()), sender_member);
      sender.send({x.data(), x.size() / kHidden, kHidden},
                  link_messages(chunk(index, here.size()), sender_member, chunk(index, next.size())));
      std::fill(x.begin(), x.end(), NAN);  // the next chunk is computed in the same rows
    }
    if (receiver_member < 0) continue;
    std::vector<float> expected = rows_of(chunk(index, next.size()), receiver_member);
    for (float& value : expected) value = as_sent(value, type);
    std::vector<float> x(expected.size(), -1);
    receiver.take({x.data(), x.size() / kHidden, kHidden});
    EXPECT_EQ(x, expected) << "chunk " << index;
  }
}

std::vector<RankId> ranks_between(int begin, int end) {
  std::vector<RankId> ranks;
  for (int rank = begin; rank < end; ++rank) ranks.emplace_back(rank);
  return ranks;
}

TEST(ActivationLink, EveryChunkReachesTheNextStagesShards) {
  const int ranks = world().size();
  auto reversed = ranks_between(0, ranks);
  std::reverse(reversed.begin(), reversed.end());
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    pass_on(ranks_between(0, ranks), reversed, type);  // of one rank: from itself to itself
    pass_on(ranks_between(0, ranks), {RankId(0)}, type);
    pass_on({RankId(ranks - 1)}, reversed, type);
    pass_on(ranks_between(0, (ranks + 1) / 2), ranks_between(ranks / 2, ranks), type);
  }
}

TEST(ActivationLink, MessagesHaveTheirTypesSize) {
  const auto everyone = ranks_between(0, world().size());
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    const std::uint64_t before = world().totals().bytes_sent;
    pass_on(everyone, {RankId(0)}, type);
    std::uint64_t rows = 0;  // that do not stay on rank 0
    for (int index = 0; index < kChunks; ++index) {
      if (world().member() != 0)
        rows += static_cast<std::uint64_t>(chunk(index, everyone.size()).size(world().member()));
    }
    EXPECT_EQ(world().totals().bytes_sent - before, rows * kHidden * (type == DataType::f32 ? 4 : 2));
  }
}

TEST(ActivationReceiver, MoreThanTwoChunksUnderWayAreABug) {
  const RankId self(world().member());
  ActivationSender sender(world(), {self}, 1, kHidden, DataType::f32);
  ActivationReceiver receiver(world(), {self}, 1, kHidden, DataType::f32);
  const std::vector<LinkMessage> one_row = {{0, {{0, 1}}}};
  std::vector<float> x(kHidden, 1);
  EXPECT_THROW(receiver.take({x.data(), 1, kHidden}), InternalError);
  receiver.post(one_row);
  receiver.post(one_row);
  EXPECT_THROW(receiver.post(one_row), InternalError);
  for (const float value : {2.0f, 3.0f}) {
    std::fill(x.begin(), x.end(), value);
    sender.send({x.data(), 1, kHidden}, one_row);
  }
  for (const float value : {2.0f, 3.0f}) {
    receiver.take({x.data(), 1, kHidden});
    EXPECT_EQ(x, std::vector<float>(kHidden, value));
  }
}

}  // namespace
}  // namespace gemring

#include <gtest/gtest.h>

#include "distributed/comm/pieces.h"
#include "tests/distributed/comm/bytes.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

using Numbers = std::vector<std::int32_t>;

void expect_broadcast_from_each(std::size_t size) {
  for (int root = 0; root < world().size(); ++root) {
    Numbers data = world().member() == root ? numbered(root, size) : Numbers(size, -1);
    world().broadcast(std::as_writable_bytes(std::span(data)), root);
    EXPECT_EQ(data, numbered(root, size)) << "root " << root << ", " << size << " numbers";
  }
}

/// Member i gives `step` * i numbers.
void expect_all_gather(std::size_t step) {
  const Numbers own = numbered(world().member(), step * static_cast<std::size_t>(world().member()));
  const auto all = world().all_gather(std::as_bytes(std::span(own)));
  EXPECT_EQ(all.size(), static_cast<std::size_t>(world().size()));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Numbers expected = numbered(static_cast<int>(i), step * i);
    const auto bytes = std::as_bytes(std::span(expected));
    EXPECT_TRUE(std::equal(all[i].begin(), all[i].end(), bytes.begin(), bytes.end())) << "member " << i;
  }
}

TEST(Collectives, EveryMemberCanBroadcast) {
  expect_broadcast_from_each(0);
  expect_broadcast_from_each(1);
  expect_broadcast_from_each(100'000);
}

TEST(Collectives, ABroadcastIsCutIntoPieces) {
  detail::set_largest_piece(1000);
  expect_broadcast_from_each(250);
  expect_broadcast_from_each(1111);
  detail::set_largest_piece(std::size_t{1} << 30);
}

TEST(Collectives, AllGatherKeepsTheOrderOfMembersAndDifferingSizes) {
  expect_all_gather(0);
  expect_all_gather(7);
  expect_all_gather(50'000);
}

TEST(Collectives, AllGatherBeyondOnePieceGivesTheSame) {
  detail::set_largest_piece(1000);
  expect_all_gather(100);
  expect_all_gather(5000);
  detail::set_largest_piece(std::size_t{1} << 30);
}

TEST(Collectives, TotalsCountWhatGoesToOthers) {
  const std::uint64_t others = static_cast<std::uint64_t>(world().size() - 1);
  const std::uint64_t at_start = world().totals().bytes_sent;
  Numbers data(10);
  world().broadcast(std::as_writable_bytes(std::span(data)), 0);
  const std::uint64_t after_broadcast = world().totals().bytes_sent;
  EXPECT_EQ(after_broadcast - at_start, world().member() == 0 ? 40 * others : 0);
  world().all_gather(std::as_bytes(std::span(data)));
  const std::uint64_t after_gather = world().totals().bytes_sent;
  EXPECT_EQ(after_gather - after_broadcast, 40 * others);
  detail::set_largest_piece(16);
  world().all_gather(std::as_bytes(std::span(data)));
  detail::set_largest_piece(std::size_t{1} << 30);
  EXPECT_EQ(world().totals().bytes_sent - after_gather, 40 * others);
}

}  // namespace
}  // namespace gemring

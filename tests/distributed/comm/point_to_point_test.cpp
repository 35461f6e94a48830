#include <gtest/gtest.h>

#include <optional>

#include "distributed/comm/pieces.h"
#include "tests/distributed/comm/bytes.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

using Numbers = std::vector<std::int32_t>;

int right() {
  return (world().member() + 1) % world().size();
}
int left() {
  return (world().member() + world().size() - 1) % world().size();
}

/// Sends `size` numbers around the ring and returns what came from the left.
Numbers around_the_ring(std::size_t size, MessageKind kind) {
  const Numbers out = numbered(world().member(), size);
  Numbers in(size, -1);
  Transfer receiving = receive(world(), std::span(in), left(), kind);
  Transfer sending = send(world(), std::span(out), right(), kind);
  receiving.wait();
  sending.wait();
  return in;
}

TEST(PointToPoint, NeighboursExchangeBothWaysAtOnce) {
  const Numbers out = numbered(world().member(), 50'000);  // 200 KB: beyond every eager limit
  Numbers from_left(out.size());
  Numbers from_right(out.size());
  Transfer transfers[] = {receive(world(), std::span(from_left), left(), MessageKind::ring),
                          receive(world(), std::span(from_right), right(), MessageKind::queries),
                          send(world(), std::span(out), right(), MessageKind::ring),
                          send(world(), std::span(out), left(), MessageKind::queries)};
  for (Transfer& transfer : transfers) transfer.wait();
  EXPECT_EQ(from_left, numbered(left(), out.size()));
  EXPECT_EQ(from_right, numbered(right(), out.size()));
}

TEST(PointToPoint, SizesMayDifferPerRank) {
  const Numbers out = numbered(world().member(), static_cast<std::size_t>(world().member()) * 10 + 1);
  Numbers in(static_cast<std::size_t>(left()) * 10 + 1);
  Transfer receiving = receive(world(), std::span(in), left(), MessageKind::ring);
  send(world(), std::span(out), right(), MessageKind::ring).wait();
  receiving.wait();
  EXPECT_EQ(in, numbered(left(), in.size()));
}

TEST(PointToPoint, AnEmptyMessageArrives) {
  EXPECT_EQ(around_the_ring(0, MessageKind::tokens), Numbers{});
}

TEST(PointToPoint, AMessageIsCutIntoPiecesAndJoinedAgain) {
  detail::set_largest_piece(1000);
  for (const std::size_t size : {249u, 250u, 251u, 12'345u}) {  // of 4 bytes: below, exactly, above one piece, many
    EXPECT_EQ(around_the_ring(size, MessageKind::activations), numbered(left(), size));
  }
  detail::set_largest_piece(std::size_t{1} << 30);
}

TEST(PointToPoint, KindsDoNotMixAndEachKeepsItsOrder) {
  const std::int32_t base = 10 * world().member();
  const Numbers out = {base + 1, base + 2, base + 3, base + 4};
  const MessageKind kinds[] = {MessageKind::scores, MessageKind::logits, MessageKind::scores, MessageKind::logits};
  Numbers in(4, -1);
  const std::size_t receive_order[] = {1, 0, 3, 2};  // logits first, though scores were sent first
  std::vector<Transfer> transfers;
  for (const std::size_t i : receive_order) {
    transfers.push_back(receive(world(), std::span(in).subspan(i, 1), left(), kinds[i]));
  }
  for (std::size_t i = 0; i < 4; ++i) {
    transfers.push_back(send(world(), std::span(out).subspan(i, 1), right(), kinds[i]));
  }
  for (Transfer& transfer : transfers) transfer.wait();
  const std::int32_t from = 10 * left();
  EXPECT_EQ(in, (Numbers{from + 1, from + 2, from + 3, from + 4}));
}

TEST(PointToPoint, DonePollsUntilTheMessageIsThere) {
  Numbers in(1, -1);
  Transfer receiving = receive(world(), std::span(in), left(), MessageKind::tokens);
  EXPECT_TRUE(world().size() > 1 || !receiving.done());
  const Numbers out = {world().member()};
  send(world(), std::span(out), right(), MessageKind::tokens).wait();
  while (!receiving.done()) continue;
  EXPECT_TRUE(receiving.done());
  EXPECT_EQ(in, Numbers{left()});
}

TEST(PointToPoint, TheDestructorAndAssignmentWaitForATransfer) {
  const Numbers out = numbered(world().member(), 100'000);
  Numbers first(out.size());
  Numbers second(out.size());
  {
    Transfer receiving = receive(world(), std::span(first), left(), MessageKind::ring);
    Transfer sending = send(world(), std::span(out), right(), MessageKind::ring);
    Transfer other = receive(world(), std::span(second), left(), MessageKind::ring);
    Transfer other_sending = send(world(), std::span(out), right(), MessageKind::ring);
    receiving = std::move(other);
    EXPECT_EQ(first.back(), numbered(left(), out.size()).back());
  }
  EXPECT_EQ(second, numbered(left(), out.size()));
}

TEST(PointToPoint, AReceiveIsGivenUpWhenAnExceptionPasses) {
  Numbers in(1);
  bool caught = false;
  try {
    Transfer never = receive(world(), std::span(in), left(), MessageKind::partials);
    throw std::runtime_error("passing by");
  } catch (const std::runtime_error&) {
    caught = true;  // a destructor that waits would hang here
  }
  EXPECT_TRUE(caught);
  world().barrier();
  EXPECT_EQ(around_the_ring(1, MessageKind::partials), Numbers{1000 * left()});  // the given-up receive took nothing
}

TEST(PointToPoint, BytesToOthersAreCounted) {
  const std::uint64_t before = world().totals().bytes_sent;
  around_the_ring(25, MessageKind::ring);
  EXPECT_EQ(world().totals().bytes_sent - before, world().size() > 1 ? 100u : 0u);
}

}  // namespace
}  // namespace gemring

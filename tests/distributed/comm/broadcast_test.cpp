#include "distributed/comm/broadcast.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "distributed/comm/pieces.h"
#include "engine/base/check.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

// A chain, a tree with a step between where there are four ranks, and what the program uses.
constexpr int kFanOuts[] = {1, 2, BroadcastTree::kFanOut};

bool root() {
  return world().member() == 0;
}

std::string text(std::size_t bytes, int seed) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 31 + static_cast<std::size_t>(seed));
  return text;
}

MemberRange everyone() {
  return {0, world().size()};
}

/// Every rank but 0 takes the next message and holds it against what was sent.
void expect_message(Broadcast& broadcast, const Broadcast::Message& sent, const std::vector<MemberRange>& body_to) {
  if (root()) return broadcast.send(sent, body_to);
  const Broadcast::Message message = broadcast.receive();
  EXPECT_EQ(message.head, sent.head);
  const bool mine =
      std::any_of(body_to.begin(), body_to.end(), [](MemberRange range) { return range.contains(world().member()); });
  EXPECT_EQ(message.body.has_value(), mine);
  if (message.body) {
    EXPECT_EQ(*message.body, sent.body.value_or(""));
  }
}

TEST(Broadcast, MessagesOfAllSizesComeWholeAndInOrder) {
  for (const int fan_out : kFanOuts) {
    const auto broadcast = world().broadcast_stream(fan_out);
    int seed = 0;
    for (const std::size_t head : {1u, 100u, 4096u, 5000u, 3000000u}) {
      for (const std::size_t body : {0u, 1u, 70000u}) {
        expect_message(*broadcast, {text(head, ++seed), text(body, seed + 1)}, {everyone()});
      }
    }
  }
}

TEST(Broadcast, ABodyComesToThoseItIsForAndToNobodyElse) {
  const int size = world().size();
  for (const int fan_out : kFanOuts) {
    const auto broadcast = world().broadcast_stream(fan_out);
    for (int wanted = 0; wanted < 1 << size; ++wanted) {  // every set of ranks
      std::vector<int> ranks;
      for (int rank = 0; rank < size; ++rank) {
        if ((wanted >> rank) % 2 == 1) ranks.push_back(rank);
      }
      expect_message(*broadcast, {text(50, wanted), text(10000, wanted)}, ranges_of(ranks));
    }
  }
}

TEST(Broadcast, MessagesBeyondAPieceTravelInSeveral) {
  detail::set_largest_piece(1000);
  {
    const auto broadcast = world().broadcast_stream(1);
    for (const std::size_t bytes : {900u, 1000u, 5001u}) {
      expect_message(*broadcast, {text(bytes, 1), text(bytes, 2)}, {everyone()});
    }
  }
  detail::set_largest_piece(std::size_t{1} << 30);
}

TEST(Broadcast, EachRankSendsOneMessageToEachOfItsChildren) {
  constexpr std::uint64_t kMessages = 20;
  for (const int fan_out : kFanOuts) {
    const auto broadcast = world().broadcast_stream(fan_out);
    for (std::uint64_t i = 0; i < kMessages; ++i)
      expect_message(*broadcast, {text(200, 1), text(300, 2)}, {everyone()});
    const BroadcastTree tree(world().member(), world().size(), fan_out);
    EXPECT_EQ(broadcast->sent().messages, kMessages * tree.children().size());
    EXPECT_LE(tree.children().size(), static_cast<std::size_t>(fan_out));
  }
}

TEST(Broadcast, BytesOfABodyTravelOnlyTowardsThoseItIsFor) {
  constexpr std::size_t kBody = 100000;
  const int last = world().size() - 1;
  const auto broadcast = world().broadcast_stream(2);
  expect_message(*broadcast, {text(10, 1), text(kBody, 2)}, ranges_of({last}));
  const BroadcastTree tree(world().member(), world().size(), 2);
  std::uint64_t bodies = 0;
  for (const MemberRange child : tree.children()) bodies += child.contains(last) ? 1 : 0;
  EXPECT_EQ(broadcast->sent().bytes / kBody, bodies);
}

TEST(Broadcast, SendingWaitsForNobody) {
  const auto broadcast = world().broadcast_stream(1);
  const std::string large = text(8u << 20, 3);  // does not leave before somebody takes it
  if (root()) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) broadcast->send({large}, {});
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
    for (int rank = 1; rank < world().size(); ++rank) world().send({}, rank, MessageKind::control).wait();
    return;
  }
  world().receive({}, 0, MessageKind::control).wait();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(broadcast->receive().head, large);
}

TEST(Broadcast, ARankThatComputesPassesMessagesOn) {
  if (world().size() < 3) GTEST_SKIP() << "nobody is between two others";
  // A chain: rank 1 computes (here: makes no call) until the last rank says that it has what went through rank 1.
  const auto broadcast = world().broadcast_stream(1);
  const int last = world().size() - 1;
  const std::vector<Broadcast::Message> messages = {{text(100, 4)}, {text(1u << 20, 5)}, {text(100, 6)}};
  if (root()) {
    for (const auto& message : messages) broadcast->send(message, {});
    Transfer done = world().receive({}, last, MessageKind::control);
    done.wait();
    world().send({}, 1, MessageKind::control).wait();
    return;
  }
  if (world().member() == 1) {
    Transfer may_receive = world().receive({}, 0, MessageKind::control);
    while (!may_receive.done()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (const auto& message : messages) EXPECT_EQ(broadcast->receive().head, message.head);
  if (world().member() == last) world().send({}, 0, MessageKind::control).wait();
}

TEST(Broadcast, ARankThatWaitsForOtherDataPassesMessagesOn) {
  if (world().size() < 3) GTEST_SKIP() << "nobody is between two others";
  const auto broadcast = world().broadcast_stream(1);
  const int last = world().size() - 1;
  int value = 0;
  if (root()) {
    broadcast->send({text(100, 7)}, {});
  } else if (world().member() == 1) {  // deep in a wait for the last rank, which needs the message first
    receive(world(), std::span(&value, 1), last, MessageKind::ring).wait();
    EXPECT_EQ(value, 17);
    broadcast->receive();
  } else {
    broadcast->receive();
    value = 17;
    if (world().member() == last) send(world(), std::span<const int>(&value, 1), 1, MessageKind::ring).wait();
  }
}

TEST(Broadcast, GoesBesideMessagesOfEveryKind) {
  const auto broadcast = world().broadcast_stream(2);
  const int size = world().size();
  for (int i = 0; i < 50; ++i) {
    std::vector<int> out(5000, i), in(5000);
    Transfer sending = send(world(), std::span<const int>(out), (world().member() + 1) % size, MessageKind::control);
    Transfer receiving = receive(world(), std::span(in), (world().member() + size - 1) % size, MessageKind::control);
    expect_message(*broadcast, {text(60, i), text(9000, i)}, {everyone()});
    receiving.wait();
    sending.wait();
    EXPECT_EQ(in, out);
  }
}

TEST(Broadcast, WhoOnlyLooksDoesNotWait) {
  const auto broadcast = world().broadcast_stream();
  if (root()) {
    EXPECT_FALSE(broadcast->try_receive());
    world().barrier();
    return broadcast->send({"late"}, {});
  }
  EXPECT_FALSE(broadcast->try_receive());
  world().barrier();
  std::optional<Broadcast::Message> message;
  while (!message) message = broadcast->try_receive();
  EXPECT_EQ(message->head, "late");
  EXPECT_FALSE(message->body);
}

TEST(Broadcast, RankZeroReceivesNothing) {
  const auto broadcast = world().broadcast_stream();
  if (root()) {
    EXPECT_THROW(broadcast->receive(), InternalError);
  }
}

}  // namespace
}  // namespace gemring

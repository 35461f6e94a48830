#include "distributed/session/event_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "distributed/session/delivery.h"

namespace gemring {
namespace {

std::shared_ptr<const GenerationRequest> request_that(std::function<void(TokenId)> on_token) {
  GenerationRequest request;
  request.on_token = std::move(on_token);
  return std::make_shared<const GenerationRequest>(std::move(request));
}

std::int32_t token_of(const Event& event) {
  return std::get<TokenId>(event.what).value();
}

TEST(EventQueue, GivesEventsInTheirOrderAndThenNothing) {
  EventQueue events(2);
  const auto request = request_that({});
  for (int i = 0; i < 5; ++i) events.push({request, TokenId(i)});
  events.close(false);
  events.push({request, TokenId(9)});  // too late
  for (int i = 0; i < 5; ++i) EXPECT_EQ(token_of(*events.take()), i);
  EXPECT_FALSE(events.take());
}

TEST(EventQueue, IsFullAtItsCapacityAndStillTakesWhatIsInFlight) {
  EventQueue events(2);
  int woken = 0;
  events.wake_with([&] { ++woken; });
  const auto request = request_that({});
  EXPECT_TRUE(events.has_room());
  for (int i = 0; i < 4; ++i) events.push({request, TokenId(i)});
  EXPECT_FALSE(events.has_room());
  events.take();
  events.take();
  EXPECT_FALSE(events.has_room());
  EXPECT_EQ(woken, 0);
  events.take();
  EXPECT_TRUE(events.has_room());
  EXPECT_EQ(woken, 1);
}

TEST(EventQueue, OfProgressOnlyTheLatestCounts) {
  EventQueue events(1);
  const auto request = request_that({});
  for (int i = 1; i <= 3; ++i) events.show({request, Event::Progress{"filter", static_cast<double>(i), 3}});
  EXPECT_TRUE(events.has_room());  // takes no room
  EXPECT_EQ(std::get<Event::Progress>(events.take()->what).done, 3);
  events.close(false);
  EXPECT_FALSE(events.take());
}

TEST(EventQueue, ClosedWithADropForgetsWhatWaits) {
  EventQueue events(4);
  events.push({request_that({}), TokenId(1)});
  events.close(true);
  EXPECT_FALSE(events.take());
}

TEST(Delivery, ACallbackThatTakesItsTimeHoldsUpNobodyElse) {
  EventQueue events(2);
  std::atomic<bool> go = false;
  std::vector<std::int32_t> said;
  const auto request = request_that([&](TokenId id) {
    while (!go.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    said.push_back(id.value());
  });
  Delivery delivery(events, [] {});
  for (int i = 0; i < 100; ++i) events.push({request, TokenId(i)});  // would never end where push() waited
  EXPECT_FALSE(events.has_room());
  go.store(true);
  delivery.finish();
  ASSERT_EQ(said.size(), 100u);
  EXPECT_EQ(said.back(), 99);
}

TEST(Delivery, WhatACallbackThrowsIsSaidAtOnceAndThrownAtTheEnd) {
  EventQueue events(8);
  std::atomic<int> failed = 0;
  int calls = 0;
  const auto request = request_that([&](TokenId) {
    ++calls;
    throw std::runtime_error("nobody reads");
  });
  Delivery delivery(events, [&] { ++failed; });
  events.push({request, TokenId(1)});
  events.push({request, TokenId(2)});
  EXPECT_THROW(delivery.finish(), std::runtime_error);
  EXPECT_EQ(failed.load(), 1);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace gemring

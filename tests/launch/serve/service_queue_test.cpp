#include "launch/serve/service_queue.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

GenerationRequest request_of(int first_token) {
  GenerationRequest request;
  request.prompt = {TokenId(first_token)};
  request.cancel = std::make_shared<CancelHandle>();
  return request;
}

TEST(ServiceQueue, GivesTheOldestFirstAndWakesWhoeverWaits) {
  ServiceQueue queue;
  int woken = 0;
  queue.wake_with([&] { ++woken; });
  EXPECT_FALSE(queue.next());
  EXPECT_TRUE(queue.put(request_of(1)));
  EXPECT_TRUE(queue.put(request_of(2)));
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(queue.next()->prompt.at(0), TokenId(1));
  EXPECT_EQ(queue.next()->prompt.at(0), TokenId(2));
  EXPECT_FALSE(queue.ended());
}

TEST(ServiceQueue, WhatNobodyHasTakenUpCanBeTakenBack) {
  ServiceQueue queue;
  GenerationRequest first = request_of(1), second = request_of(2);
  const std::shared_ptr<CancelHandle> one = first.cancel, other = second.cancel;
  queue.put(std::move(first));
  queue.put(std::move(second));
  EXPECT_TRUE(queue.take_back(*one));
  EXPECT_FALSE(queue.take_back(*one));
  EXPECT_EQ(queue.next()->prompt.at(0), TokenId(2));
  EXPECT_FALSE(queue.take_back(*other));
}

TEST(ServiceQueue, EndsWhenItIsClosedAndEmpty) {
  ServiceQueue queue;
  queue.put(request_of(1));
  int woken = 0;
  queue.wake_with([&] { ++woken; });
  queue.close();
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(queue.put(request_of(2)));
  EXPECT_FALSE(queue.ended());
  EXPECT_TRUE(queue.next());
  EXPECT_TRUE(queue.ended());
}

}  // namespace
}  // namespace gemring

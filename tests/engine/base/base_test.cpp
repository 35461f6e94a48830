#include <gtest/gtest.h>

#include <type_traits>
#include <unordered_set>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/types.h"

namespace gemring {
namespace {

template <class A, class B>
concept Comparable = requires(A a, B b) {
  a == b;
};
template <class A, class B>
concept Subtractable = requires(A a, B b) {
  a - b;
};

TEST(StrongInt, DifferentIndicesDoNotMix) {
  EXPECT_TRUE((Comparable<RankId, RankId>));
  EXPECT_FALSE((Comparable<RankId, LayerIndex>));
  EXPECT_FALSE((Comparable<GlobalPosition, LocalPosition>));
  EXPECT_FALSE((Subtractable<OriginalPosition, GlobalPosition>));
  EXPECT_FALSE((std::is_convertible_v<int, RankId>));
  EXPECT_FALSE((std::is_convertible_v<RankId, int>));
}

TEST(StrongInt, CountsAndOrders) {
  LayerIndex layer(3);
  EXPECT_EQ((++layer).value(), 4);
  EXPECT_EQ(layer + 2, LayerIndex(6));
  EXPECT_EQ(LayerIndex(6) - layer, 2);
  EXPECT_LT(layer, LayerIndex(5));
  EXPECT_EQ(LayerIndex().value(), 0);
  EXPECT_EQ(layer.index(), std::size_t{4});
}

TEST(StrongInt, ServesAsAKey) {
  const std::unordered_set<TokenId> tokens = {TokenId(1), TokenId(2), TokenId(1)};
  EXPECT_EQ(tokens.size(), 2u);
}

TEST(Check, AFailedOneNamesConditionAndValues) {
  const int rows = 2, cols = 3;
  try {
    GEMRING_CHECK(rows == cols, "rows {}, cols {}", rows, cols);
    FAIL() << "nothing was thrown";
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("base_test.cpp:"), std::string::npos) << text;
    EXPECT_NE(text.find("rows == cols does not hold: rows 2, cols 3"), std::string::npos) << text;
  }
}

TEST(Check, OneThatHoldsIsSilent) {
  EXPECT_NO_THROW(GEMRING_CHECK(1 + 1 == 2, "arithmetic {}", 0));
}

TEST(Error, EachKindHasItsExitCode) {
  const ErrorText text = {"a.safetensors", "is cut", "download it again"};
  EXPECT_EQ(static_cast<int>(UsageError(text).code()), 2);
  EXPECT_EQ(static_cast<int>(ConfigError(text).code()), 3);
  EXPECT_EQ(static_cast<int>(ModelFileError(text).code()), 4);
  EXPECT_EQ(static_cast<int>(ResourceError(text).code()), 5);
  EXPECT_EQ(static_cast<int>(PeerError(text).code()), 6);
  EXPECT_EQ(static_cast<int>(ExitCode::internal), 7);
}

TEST(Error, WhatSaysWhereAndProblem) {
  try {
    throw ModelFileError({"a.safetensors", "is cut", "download it again"});
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a.safetensors: is cut");
    EXPECT_EQ(error.text().advice, "download it again");
  }
}

TEST(Grouped, ThousandsAreSetApart) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(655360), "655,360");
  EXPECT_EQ(grouped(1310720000), "1,310,720,000");
  EXPECT_EQ(grouped(18446744073709551615u), "18,446,744,073,709,551,615");
}

}  // namespace
}  // namespace gemring

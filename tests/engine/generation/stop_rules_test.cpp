#include <gtest/gtest.h>

#include "engine/base/check.h"
#include "engine/generation/sampler.h"

namespace gemring {
namespace {

const StopRules kRules{{TokenId(2), TokenId(7)}, 5, false};

TEST(StopRules, AnyEndTokenEnds) {
  EXPECT_EQ(kRules.check(TokenId(2), 1), StopReason::end_token);
  EXPECT_EQ(kRules.check(TokenId(7), 1), StopReason::end_token);
  EXPECT_EQ(kRules.check(TokenId(3), 1), StopReason::none);
}

TEST(StopRules, TheLengthEndsWithTheLastAllowedToken) {
  EXPECT_EQ(kRules.check(TokenId(3), 4), StopReason::none);
  EXPECT_EQ(kRules.check(TokenId(3), 5), StopReason::length);
}

TEST(StopRules, AnEndTokenAtTheLengthLimitCountsAsEndToken) {
  EXPECT_EQ(kRules.check(TokenId(2), 5), StopReason::end_token);
}

TEST(StopRules, IgnoredEndTokensLeaveTheLength) {
  StopRules rules = kRules;
  rules.ignore_end_tokens = true;
  EXPECT_EQ(rules.check(TokenId(2), 4), StopReason::none);
  EXPECT_EQ(rules.check(TokenId(2), 5), StopReason::length);
}

TEST(StopRules, BeforeTheFirstTokenThereIsNothingToCheck) {
  EXPECT_THROW(kRules.check(TokenId(2), 0), InternalError);
}

}  // namespace
}  // namespace gemring

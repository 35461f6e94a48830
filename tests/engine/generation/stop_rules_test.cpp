#include "engine/generation/stop_rules.h"

#include <gtest/gtest.h>

#include "engine/base/check.h"

namespace gemring {
namespace {

const StopRules kRules{.end_tokens = {TokenId(2), TokenId(7)}, .max_new_tokens = 5};

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

TEST(StopRules, AStopStringEndsAlsoAtTheLengthLimit) {
  StopRules rules = kRules;
  rules.ends_text = [](TokenId token) { return token == TokenId(4); };
  EXPECT_EQ(rules.check(TokenId(3), 1), StopReason::none);
  EXPECT_EQ(rules.check(TokenId(4), 1), StopReason::stop_string);
  EXPECT_EQ(rules.check(TokenId(4), 5), StopReason::stop_string);
  EXPECT_EQ(rules.check(TokenId(3), 5), StopReason::length);
}

TEST(StopRules, TheTextSeesEachTokenOnceInOrderAndNoEndToken) {
  std::vector<int> seen;
  StopRules rules = kRules;
  rules.ends_text = [&](TokenId token) { return seen.push_back(token.value()), false; };
  for (int generated = 1; generated <= 5; ++generated) rules.check(TokenId(generated + 1), generated);  // 2 3 4 5 6
  EXPECT_EQ(seen, (std::vector<int>{3, 4, 5, 6}));
  rules.ignore_end_tokens = true;
  rules.check(TokenId(2), 1);
  EXPECT_EQ(seen.back(), 2) << "an end token that is ignored is a token like others";
}

}  // namespace
}  // namespace gemring

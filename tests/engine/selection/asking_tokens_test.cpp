#include "engine/selection/asking_tokens.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

FilterProfile asks(std::int32_t queries) {
  FilterProfile profile = gemfilter_profile(LayerIndex(3));
  profile.queries = queries;
  return profile;
}

TEST(AskingTokens, OneQueryIsTheLastTokens) {
  EXPECT_EQ(asking_tokens(asks(1), 100, 32), (AskingTokens{GlobalPosition(99), 32, 1}));
  EXPECT_EQ(asking_tokens(asks(1), 1, 128).first, GlobalPosition(0));
}

TEST(AskingTokens, SeveralAreSpreadOverTheQuestion) {
  const AskingTokens sixteen = asking_tokens(asks(16), 100, 32);
  EXPECT_EQ(sixteen, (AskingTokens{GlobalPosition(69), 2, 16}));
  EXPECT_EQ(sixteen.position(15), GlobalPosition(99));
  EXPECT_EQ(asking_tokens(asks(32), 100, 32), (AskingTokens{GlobalPosition(68), 1, 32}));
  EXPECT_EQ(asking_tokens(asks(8), 1000, 128), (AskingTokens{GlobalPosition(887), 16, 8}));
  EXPECT_EQ(asking_tokens(asks(3), 100, 32), (AskingTokens{GlobalPosition(79), 10, 3}));
  // All counts of a calibration are among the tokens of the largest.
  EXPECT_EQ((asking_tokens(asks(32), 500, 64).position(31 - 2)), asking_tokens(asks(16), 500, 64).position(14));
}

TEST(AskingTokens, AShortPromptHasFewer) {
  EXPECT_EQ(asking_tokens(asks(16), 5, 32), (AskingTokens{GlobalPosition(0), 2, 3}));
  EXPECT_EQ(asking_tokens(asks(16), 2, 32), (AskingTokens{GlobalPosition(1), 2, 1}));
  EXPECT_EQ(asking_tokens(asks(16), 1, 32), (AskingTokens{GlobalPosition(0), 2, 1}));
}

TEST(QuestionSpan, FollowsWhatIsForcedAtTheEnd) {
  const auto span = [](std::vector<TokenRange> forced) { return question_span({.forced = std::move(forced)}, 1000); };
  EXPECT_EQ(span({}), 32);
  EXPECT_EQ(span({{0, 4}}), 32) << "nothing at the end";
  EXPECT_EQ(span({{0, 4}, {980, 1000}}), 32);
  EXPECT_EQ(span({{0, 4}, {968, 1000}}), 32);
  EXPECT_EQ(span({{0, 4}, {967, 1000}}), 64);
  EXPECT_EQ(span({{900, 1000}}), 128);
  EXPECT_EQ(span({{100, 1000}}), 128) << "the last turns of a conversation: its end asks";
}

}  // namespace
}  // namespace gemring

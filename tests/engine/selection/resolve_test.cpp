#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/selection/pooling.h"
#include "engine/selection/selection.h"

namespace gemring {
namespace {

using Ranges = std::vector<TokenRange>;

/// The first four tokens, and a question at the end.
ForcedTokens question(int prompt_tokens, int question_tokens) {
  return {.head = {{0, 4}}, .tail = {{prompt_tokens - question_tokens, prompt_tokens}}};
}

void expect_usage_error(const SelectionOptions& options, int prompt_tokens, const std::string& where,
                        const std::optional<ForcedTokens>& of_text = std::nullopt) {
  try {
    resolve(options, prompt_tokens, of_text);
    FAIL() << "accepted; expected an error of " << where;
  } catch (const UsageError& error) {
    EXPECT_EQ(error.text().where, where);
    EXPECT_FALSE(error.text().advice.empty());
  }
}

TEST(ResolveSelection, KeepIsASixteenthOfThePromptBetween512And4096) {
  EXPECT_EQ(resolve({}, 100, {}).keep, 512);
  EXPECT_EQ(resolve({}, 16 * 512 + 15, {}).keep, 512);
  EXPECT_EQ(resolve({}, 16 * 513, {}).keep, 513);
  EXPECT_EQ(resolve({}, 1'000'000, {}).keep, 4096);
}

TEST(ResolveSelection, BesideALongQuestionThereIsRoomForTheAnswer) {
  EXPECT_EQ(resolve({}, 5000, question(5000, 252)).keep, 512);  // 4 + 252 + 256
  EXPECT_EQ(resolve({}, 5000, question(5000, 2000)).keep, 2260);
  SelectionOptions paper;
  paper.policy = SelectionPolicy::paper;
  EXPECT_EQ(resolve(paper, 5000, question(5000, 2000)).keep, 512);
}

TEST(ResolveSelection, TheDefaultIsNeverMoreThanThePositionsButForWhatIsForced) {
  EXPECT_EQ(resolve({}, 1'000'000, {}, 2000).keep, 2000);
  EXPECT_EQ(resolve({}, 1'000'000, question(1'000'000, 17), 10).keep, 21);
  EXPECT_EQ(resolve({}, 1'000'000, question(1'000'000, 17), -10).keep, 21);
  SelectionOptions asked;
  asked.keep = 3000;
  EXPECT_EQ(resolve(asked, 1'000'000, {}, 2000).keep, 3000) << "what is asked for is refused later, not changed";
}

TEST(ResolveSelection, WithoutATextTheFirst4AndTheLast64AreForced) {
  EXPECT_EQ(resolve({}, 5000, {}).forced, (Ranges{{0, 4}, {4936, 5000}}));
  EXPECT_EQ(resolve({}, 60, {}).forced, (Ranges{{0, 60}}));
}

TEST(ResolveSelection, WhatTheTextAsksForIsForcedUnlessNumbersSayOtherwise) {
  const ForcedTokens of_text = {.head = {{10, 20}, {0, 4}}, .tail = {{4983, 5000}, {15, 30}}};
  SelectionOptions options;
  EXPECT_EQ(resolve(options, 5000, of_text).forced, (Ranges{{0, 4}, {10, 30}, {4983, 5000}}));
  options.keep_last = 0;
  EXPECT_EQ(resolve(options, 5000, of_text).forced, (Ranges{{0, 4}, {10, 20}}));
  options.keep_first = 2;
  EXPECT_EQ(resolve(options, 5000, of_text).forced, (Ranges{{0, 2}}));
  options.keep_last.reset();
  EXPECT_EQ(resolve(options, 5000, of_text).forced, (Ranges{{0, 2}, {15, 30}, {4983, 5000}}));
}

TEST(ResolveSelection, UnitsAreTokensUnlessSaidOtherwiseAndForThePaperAlways) {
  SelectionOptions options;
  EXPECT_EQ(resolve(options, 5000, {}).unit, KeepUnit::tokens);
  options.unit = KeepUnit::chunks;
  EXPECT_EQ(resolve(options, 5000, {}).unit, KeepUnit::chunks);
  options.policy = SelectionPolicy::paper;
  EXPECT_EQ(resolve(options, 5000, {}).unit, KeepUnit::tokens);
}

TEST(ResolveSelection, ThePaperForcesNothing) {
  SelectionOptions options;
  options.policy = SelectionPolicy::paper;
  options.keep = 3;
  const ResolvedSelection resolved = resolve(options, 5000, question(5000, 17));
  EXPECT_EQ(resolved.keep, 3);
  EXPECT_TRUE(resolved.forced.empty());
  EXPECT_EQ(resolved.pool_width, 5);
}

TEST(ResolveSelection, EverythingIsKeptUpToAndIncludingKeep) {
  const ResolvedSelection resolved = resolve({}, 512, {});
  EXPECT_TRUE(resolved.keeps_everything(512));
  EXPECT_FALSE(resolved.keeps_everything(513));
}

TEST(ResolveSelection, KeepBelowOneIsAnError) {
  SelectionOptions options;
  for (int keep : {0, -5}) {
    options.keep = keep;
    expect_usage_error(options, 5000, "--keep");
  }
}

TEST(ResolveSelection, AnEvenOrNonPositivePoolWidthIsAnError) {
  SelectionOptions options;
  for (int width : {0, -1, 2, 4}) {
    options.pool_width = width;
    expect_usage_error(options, 5000, "--pool");
  }
}

TEST(ResolveSelection, APoolWiderThanTheWidestIsAnError) {
  SelectionOptions options;
  options.pool_width = 1'000'001;
  expect_usage_error(options, 5000, "--pool");
  options.pool_width = kWidestPool + 2;
  expect_usage_error(options, 5000, "--pool");
  options.pool_width = kWidestPool;
  EXPECT_EQ(resolve(options, 5000, {}).pool_width, kWidestPool);
}

TEST(ResolveSelection, NegativeForcedCountsAreErrors) {
  SelectionOptions first;
  first.keep_first = -1;
  expect_usage_error(first, 5000, "--keep-first");
  SelectionOptions last;
  last.keep_last = -1;
  expect_usage_error(last, 5000, "--keep-last");
}

TEST(ResolveSelection, MoreForcedTokensThanKeepAreAnErrorUnlessEverythingIsKept) {
  SelectionOptions options;
  options.keep = 100;
  options.keep_first = 51;
  options.keep_last = 50;
  expect_usage_error(options, 101, "--keep");
  EXPECT_EQ(resolve(options, 100, {}).keep, 100);
  options.keep_first = 50;
  EXPECT_EQ(resolve(options, 101, {}).forced, (Ranges{{0, 50}, {51, 101}}));
}

TEST(ResolveSelection, AQuestionLongerThanKeepIsAnError) {
  SelectionOptions options;
  options.keep = 1024;
  expect_usage_error(options, 5000, "--keep", question(5000, 1021));
}

TEST(ResolveSelection, TheSumOfForcedTokensDoesNotOverflow) {
  SelectionOptions options;
  EXPECT_EQ(default_keep(5000, std::int64_t{4'000'000'000}, 5000), kAnyPositions);
  options.keep = 1024;
  options.keep_first = 2'000'000'000;
  options.keep_last = 2'000'000'000;
  expect_usage_error(options, 5000, "--keep");
}

}  // namespace
}  // namespace gemring

#include "engine/selection/fitted_selection.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/error.h"

namespace gemring {
namespace {

/// Markup of three tokens, and two for each kept one.
std::vector<TokenId> twice(std::span<const OriginalPosition> kept) {
  std::vector<TokenId> ids(3, TokenId(900));
  for (const OriginalPosition position : kept) ids.insert(ids.end(), 2, TokenId(position.value()));
  return ids;
}

/// 100 scores, the best at 50, falling to both sides.
std::vector<float> hill() {
  std::vector<float> scores;
  for (int i = 0; i < 100; ++i) scores.push_back(-static_cast<float>(std::abs(i - 50)));
  return scores;
}

ResolvedSelection keep(std::int32_t tokens, std::int32_t first = 0, std::int32_t last = 0) {
  return {.keep = tokens, .pool_width = 1, .forced = merged({{0, first}, {100 - last, 100}}, 100)};
}

TEST(FittedSelection, AsManyOfTheBestAsAreReadAsNoMoreThanKeep) {
  for (const auto& [room, count] : {std::pair{5, 1}, std::pair{13, 5}, std::pair{14, 5}, std::pair{15, 6}}) {
    const CompressedPrompt made = fitted_selection(hill(), keep(room), twice);
    EXPECT_EQ(made.kept, select_positions(hill(), keep(count))) << room;
    EXPECT_EQ(made.ids, twice(made.kept)) << room;
  }
}

TEST(FittedSelection, WhereTheOtherModelNeedsFewerTokensMoreAreKept) {
  const Rereading half = [](std::span<const OriginalPosition> kept) {
    return std::vector<TokenId>((kept.size() + 1) / 2, TokenId(1));
  };
  EXPECT_EQ(fitted_selection(hill(), keep(20), half).kept.size(), 40u);
  EXPECT_EQ(fitted_selection(hill(), keep(50), half).kept.size(), 100u);
}

TEST(FittedSelection, ForcedTokensAreKeptAndWithoutRoomForThemItSaysHowMuchTheyNeed) {
  const CompressedPrompt made = fitted_selection(hill(), keep(15, 2, 3), twice);  // six: one beside the forced ones
  std::vector<std::int32_t> kept;
  for (const OriginalPosition position : made.kept) kept.push_back(position.value());
  EXPECT_EQ(kept, (std::vector<std::int32_t>{0, 1, 50, 97, 98, 99}));
  try {
    fitted_selection(hill(), keep(12, 2, 3), twice);
    FAIL() << "kept five of two tokens each, and markup of three, in twelve";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("--keep: 12 is less than the 13 tokens"), std::string::npos)
        << error.what();
  }
}

// Two spans may grow together, and then are read as fewer tokens: the result still fits, and is the same each time.
TEST(FittedSelection, WhatIsReadNeedNotGrowWithEveryToken) {
  const Rereading uneven = [](std::span<const OriginalPosition> kept) {
    return std::vector<TokenId>(kept.size() % 7 == 0 ? kept.size() / 2 : kept.size(), TokenId(1));
  };
  const CompressedPrompt made = fitted_selection(hill(), keep(30), uneven);
  EXPECT_LE(made.ids.size(), 30u);
  EXPECT_GE(made.kept.size(), 30u);
  EXPECT_EQ(fitted_selection(hill(), keep(30), uneven).kept, made.kept);
}

}  // namespace
}  // namespace gemring

#include "engine/generation/penalties.h"

#include <gtest/gtest.h>

#include <limits>

#include "engine/base/check.h"

namespace gemring {
namespace {

using Logits = std::vector<float>;

std::vector<TokenId> tokens(std::initializer_list<int> ids) {
  std::vector<TokenId> out;
  for (const int id : ids) out.emplace_back(id);
  return out;
}

Logits penalised(const PenaltyOptions& options, std::initializer_list<int> said, Logits logits) {
  Penalties penalties(options, logits.size());
  penalties.accept(tokens(said));
  penalties.apply(logits);
  return logits;
}

TEST(Penalties, RepeatDividesWhatIsPositiveAndMultipliesWhatIsNot) {
  EXPECT_EQ(penalised({.repeat = 2}, {0, 1, 2, 0}, {6, -6, 0, 6, -6}), (Logits{3, -12, 0, 6, -6}));
}

TEST(Penalties, PresenceCountsOnceAndFrequencyEachTime) {
  EXPECT_EQ(penalised({.presence = 2}, {0, 1, 0, 0}, {5, 5, 5}), (Logits{3, 3, 5}));
  EXPECT_EQ(penalised({.frequency = 2}, {0, 1, 0, 0}, {5, 5, 5}), (Logits{-1, 3, 5}));
  EXPECT_EQ(penalised({.presence = -2, .frequency = -1}, {0, 0}, {5, 5}), (Logits{9, 5}));
}

TEST(Penalties, RepeatComesBeforeTheOthers) {
  EXPECT_EQ(penalised({.repeat = 2, .presence = 1, .frequency = 0.5f}, {0, 0}, {6, 6}), (Logits{1, 6}));
}

TEST(Penalties, OnlyTheLastTokensCount) {
  EXPECT_EQ(penalised({.presence = 1, .last_n = 2}, {0, 1, 2}, {5, 5, 5}), (Logits{5, 4, 4}));
  EXPECT_EQ(penalised({.presence = 1, .last_n = 0}, {0, 1, 2}, {5, 5, 5}), (Logits{5, 5, 5}));
  EXPECT_EQ(penalised({.frequency = 1, .last_n = -1}, {0, 0, 0, 1}, {5, 5, 5}), (Logits{2, 4, 5}));
}

TEST(Penalties, TheWindowIsTheSameHoweverItsTokensCame) {
  // 7 tokens of 3 ids, a window of 3, given in every way of two cuts: the last three are 2 0 0.
  const std::vector<TokenId> said = tokens({0, 1, 2, 1, 2, 0, 0});
  for (std::size_t a = 0; a <= said.size(); ++a) {
    for (std::size_t b = a; b <= said.size(); ++b) {
      Penalties penalties({.frequency = 1, .last_n = 3}, 3);
      const std::span all(said);
      penalties.accept(all.first(a));
      penalties.accept(all.subspan(a, b - a));
      penalties.accept(all.subspan(b));
      Logits logits = {5, 5, 5};
      penalties.apply(logits);
      EXPECT_EQ(logits, (Logits{3, 5, 4})) << a << " " << b;
    }
  }
}

TEST(Penalties, InfiniteLogitsStayAsTheyAre) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(penalised({.repeat = 2, .presence = 1}, {0, 1}, {-kInfinity, kInfinity}), (Logits{-kInfinity, kInfinity}));
}

TEST(Penalties, ATokenOutsideTheVocabularyIsABug) {
  Penalties penalties({.presence = 1}, 3);
  EXPECT_THROW(penalties.accept(tokens({3})), InternalError);
  EXPECT_THROW(penalties.accept(tokens({-1})), InternalError);
}

}  // namespace
}  // namespace gemring

#include "launch/serve/service_model.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

std::vector<OriginalPosition> positions(std::initializer_list<int> values) {
  std::vector<OriginalPosition> all;
  for (const int value : values) all.emplace_back(value);
  return all;
}

//   bytes   0123456789012
//   text    <u>ab cd</u>!        two messages: "ab cd" and "!"
//   tokens  <u> a b_ c d </u> !  ends 3 4 6 7 8 12 13
TEST(KeptTexts, AreTheMessagesPartsOfKeptSpans) {
  const PromptPlaces places{"<u>ab cd</u>!", {3, 4, 6, 7, 8, 12, 13}, {{0, false, {3, 8}}, {2, false, {12, 13}}}};
  const std::vector<float> scores = {9, 1, 5, 2, 3, 9, 7};
  const std::vector<KeptText> kept = kept_texts(places, positions({0, 1, 2, 4, 5, 6}), scores);
  ASSERT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept[0].text, "ab ");
  EXPECT_EQ(kept[0].begin, 0U);
  EXPECT_EQ(kept[0].end, 3U);
  EXPECT_EQ(kept[0].score, 9);  // the span's best, markup included
  EXPECT_EQ(kept[1].text, "d");
  EXPECT_EQ(kept[1].begin, 4U);
  EXPECT_EQ(kept[1].message, 0U);
  EXPECT_EQ(kept[2].text, "!");
  EXPECT_EQ(kept[2].message, 2U);
}

TEST(KeptTexts, WithoutAFilterPassAreTheWholeMessagesWithoutScores) {
  const PromptPlaces places{"ab", {1, 2}, {{0, false, {0, 2}}}};
  const std::vector<KeptText> kept = kept_texts(places, positions({0, 1}), {});
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].text, "ab");
  EXPECT_EQ(kept[0].score, 0);
}

}  // namespace
}  // namespace gemring

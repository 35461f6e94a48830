#include "launch/calibrate/needles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace gemring {
namespace {

constexpr std::string_view kHay =
    "The grass is green. The sky is blue! Is the sun yellow? Here we go. There and back again.";

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Needles, EveryFactStandsOnceInTheTextWithItsAnswerAtTheEndOfASentence) {
  for (const NeedleKind kind : kNeedleKinds) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Needle needle = make_needle(kind, kHay, seed);
      ASSERT_FALSE(needle.facts.empty());
      ASSERT_EQ(needle.facts.size(), needle.answers.size());
      std::string rest = needle.text;
      for (std::size_t i = 0; i < needle.facts.size(); ++i) {
        EXPECT_EQ(times(needle.text, needle.facts[i]), 1u) << needle.kind << seed;
        EXPECT_NE(needle.facts[i].find(needle.answers[i]), std::string::npos);
        EXPECT_EQ(needle.question.find(needle.answers[i]), std::string::npos) << "the question gives the answer away";
      }
      EXPECT_TRUE(needle.text.starts_with("The grass is green.") && needle.question.ends_with("?"));
    }
  }
}

TEST(Needles, KindsHaveAsManyAnswersAndDecoysAsTheySay) {
  const std::string magic = "One of the special magic numbers for ";
  EXPECT_EQ(times(make_needle(NeedleKind::number, kHay, 1).text, magic), 1u);
  EXPECT_EQ(times(make_needle(NeedleKind::many_keys, kHay, 1).text, magic), 4u);
  EXPECT_EQ(make_needle(NeedleKind::many_keys, kHay, 1).answers.size(), 1u);
  EXPECT_EQ(times(make_needle(NeedleKind::two_facts, kHay, 1).text, magic), 2u);
  EXPECT_EQ(make_needle(NeedleKind::two_facts, kHay, 1).answers.size(), 2u);
  const Needle uuid = make_needle(NeedleKind::uuid, kHay, 1);
  EXPECT_EQ(uuid.answers[0].size(), 36u);
  EXPECT_EQ(std::count(uuid.answers[0].begin(), uuid.answers[0].end(), '-'), 4);
}

TEST(Needles, TheSameSeedMakesTheSameNeedleAndOthersDiffer) {
  std::set<std::string> texts;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Needle needle = make_needle(NeedleKind::number, kHay, seed);
    EXPECT_EQ(needle.text, make_needle(NeedleKind::number, kHay, seed).text);
    texts.insert(needle.text);
  }
  EXPECT_EQ(texts.size(), 50u);
}

TEST(Needles, AHayWithoutSentencesGetsItAtItsEnd) {
  const Needle needle = make_needle(NeedleKind::number, "no end of it", 3);
  EXPECT_TRUE(needle.text.starts_with("no end of it One of the special")) << needle.text;
}

}  // namespace
}  // namespace gemring

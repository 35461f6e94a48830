#include "engine/text/unicode/normalizer.h"

#include <gtest/gtest.h>

#include <random>

#include "engine/base/error.h"
#include "engine/text/unicode/nfc.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {
namespace {

using Kind = NormalizerStep::Kind;
using Ends = std::vector<std::size_t>;

const NormalizerStep kNfc{Kind::nfc, "", "", false};
const NormalizerStep kPrepend{Kind::prepend, "▁", "", false};
const NormalizerStep kSpaces{Kind::replace, "▁", " ", false};

std::string normalized(const std::vector<NormalizerStep>& steps, std::string_view text, Ends* ends = nullptr) {
  const Normalizer normalizer(steps);
  Normalizer::Scratch scratch(normalizer);
  const TextPart part = normalizer.normalize({text}, scratch);
  for (std::size_t i = 0; ends != nullptr && i <= part.bytes.size(); ++i) ends->push_back(part.end_of(i));
  return std::string(part.bytes);
}

TEST(Nfc, ComposesAndSortsMarks) {
  EXPECT_EQ(normalized({kNfc}, "cafe\u0301"), "café");
  EXPECT_EQ(normalized({kNfc}, "a\u0307\u0323"), "ạ\u0307") << "the mark below comes first and joins";
  EXPECT_EQ(normalized({kNfc}, "\u1112\u1161\u11AB"), "한");
  EXPECT_EQ(normalized({kNfc}, "가\u11A8"), "각");
}

TEST(Nfc, ReplacesSingletonsAndTakesExclusionsApart) {
  EXPECT_EQ(normalized({kNfc}, "\u212B"), "Å") << "the Angstrom sign is the letter";
  EXPECT_EQ(normalized({kNfc}, "\u0958"), "\u0915\u093C") << "excluded from composition";
  EXPECT_EQ(normalized({kNfc}, "\uF900"), "豈") << "a compatibility ideograph";
}

TEST(Nfc, AMarkThatIsNoLetterHasNoLetterToJoin) {
  EXPECT_EQ(normalized({kNfc}, "\u0301"), "\u0301");
  EXPECT_EQ(normalized({kNfc}, "\n\u0301e\u0301"), "\n\u0301é");
  EXPECT_EQ(normalized({kNfc}, "e\u200D\u0301"), "e\u200D\u0301");
}

TEST(Nfc, EndsAreThoseOfTheTextAsGiven) {
  Ends ends;
  EXPECT_EQ(normalized({kNfc}, "ae\u0301b", &ends), "aéb");
  EXPECT_EQ(ends, (Ends{0, 1, 4, 4, 5})) << "both bytes of é end behind the mark";
}

TEST(Nfc, ARunOfManyMarksTakesTimeNLogN) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  MappedText out;
  ASSERT_TRUE(compose({text}, out));
  EXPECT_TRUE(out.view().bytes.starts_with("ạ\u0323\u0323"));
}

TEST(Nfc, IsDoneAfterOneTime) {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int i = 0; i < 8; ++i) {
      const char32_t blocks[] = {'a', 0x300, 0x1100, 0x1160, 0x11A8, 0xAC00, 0x900, 0xF70, 0x1F00, 0xF900, 0x1D150};
      append_code_point(blocks[random() % 11] + random() % 0x40, text);
    }
    const std::string once = normalized({kNfc}, text);
    ASSERT_EQ(normalized({kNfc}, once), once) << text;
  }
}

TEST(Normalizer, WithoutStepsGivesThePartItself) {
  Ends ends;
  EXPECT_EQ(normalized({}, "a b", &ends), "a b");
  EXPECT_EQ(ends, (Ends{0, 1, 2, 3}));
}

TEST(Normalizer, PrependsBeforeTextButNotBeforeNone) {
  Ends ends;
  EXPECT_EQ(normalized({kPrepend, kSpaces}, "a b", &ends), "▁a▁b");
  EXPECT_EQ(ends, (Ends{0, 0, 0, 0, 1, 2, 2, 2, 3})) << "what is put in front ends where it was put";
  EXPECT_EQ(normalized({kPrepend}, ""), "");
  EXPECT_EQ(normalized({kPrepend, kSpaces}, " a"), "▁▁a");
}

TEST(Normalizer, ReplacesPatternsByContent) {
  EXPECT_EQ(normalized({{Kind::replace, "", " ", false}}, " a b "), "ab");
  EXPECT_EQ(normalized({{Kind::replace, "<>", "aa", false}}, "aaa"), "<>a");
  EXPECT_EQ(normalized({{Kind::replace, "#", R"(\s+)", true}}, "a \n b"), "a#b");
  EXPECT_EQ(normalized({{Kind::replace, "x", "e*", true}}, "abeef"), "xaxbxfx") << "empty matches are matches";
  EXPECT_THROW(normalized({{Kind::replace, "x", "", false}}, "a"), ConfigError);
}

TEST(Normalizer, WhatMakesATextManyTimesLongerIsRefused) {
  const std::vector<NormalizerStep> doubling(40, {Kind::replace, "aa", "a", false});
  EXPECT_THROW(normalized(doubling, "a"), UsageError);
  const NormalizerStep long_content{Kind::replace, std::string(5000, 'b'), "a", false};
  EXPECT_THROW(normalized({long_content}, std::string(1 << 20, 'a')), UsageError);
  EXPECT_THROW(normalized({{Kind::prepend, std::string(5000, 'b'), "", false}}, "a"), UsageError);
  EXPECT_EQ(normalized({kSpaces}, std::string(10'000, ' ')).size(), 30'000u);
}

TEST(Normalizer, DroppedBytesAtTheFrontMoveTheBeginning) {
  Ends ends;
  EXPECT_EQ(normalized({{Kind::replace, "", " ", false}}, " a", &ends), "a");
  EXPECT_EQ(ends, (Ends{1, 2}));
}

}  // namespace
}  // namespace gemring

#include "engine/text/unicode/utf8.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

std::string lossy(std::string_view bytes) {
  std::string text;
  append_lossy_utf8(bytes, text);
  return text;
}

TEST(Utf8, ValidTextOfEveryLengthHasNoInvalidByte) {
  EXPECT_EQ(first_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("plain ASCII, longer than eight bytes"), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("é\u0800\uFFFF\U00010000\U0010FFFF"), std::nullopt);
}

TEST(Utf8, TheFirstInvalidByteIsNamed) {
  EXPECT_EQ(first_invalid_utf8("0123456789\x80"), 10u);     // stray continuation
  EXPECT_EQ(first_invalid_utf8("ab\xC0\xAF"), 2u);          // overlong
  EXPECT_EQ(first_invalid_utf8("ab\xED\xA0\x80"), 2u);      // surrogate
  EXPECT_EQ(first_invalid_utf8("ab\xF4\x90\x80\x80"), 2u);  // beyond U+10FFFF
  EXPECT_EQ(first_invalid_utf8("abé\xE2\x82"), 4u);         // cut short
}

TEST(Utf8, IncompleteDiffersFromBroken) {
  EXPECT_EQ(utf8_sequence("\xE2\x82").state, Utf8State::incomplete);
  EXPECT_EQ(utf8_sequence("\xE2\x82").length, 2u);
  EXPECT_EQ(utf8_sequence("\xE2x").state, Utf8State::broken);
  EXPECT_EQ(utf8_sequence("\xE2x").length, 1u);
  EXPECT_EQ(utf8_sequence("\xE0\x80").state, Utf8State::broken);  // can only become overlong
}

TEST(Utf8, EachLongestBeginningOfASequenceBecomesOneReplacement) {
  // The example of the Unicode standard, table 3-8.
  EXPECT_EQ(lossy("a\xF1\x80\x80\xE1\x80\xC2"
                  "b\x80"
                  "c\x80\xBF"
                  "d"),
            "a\uFFFD\uFFFD\uFFFD"
            "b\uFFFD"
            "c\uFFFD\uFFFD"
            "d");
  EXPECT_EQ(lossy("x\xF0\x9F\x98"), "x\uFFFD");
}

TEST(Utf8, CodePointsRoundTrip) {
  for (char32_t code : {0x41u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xFFFDu, 0x10000u, 0x10FFFFu}) {
    std::string text;
    append_code_point(code, text);
    EXPECT_EQ(utf8_sequence(text).state, Utf8State::whole);
    EXPECT_EQ(utf8_sequence(text).length, text.size());
    EXPECT_EQ(code_point(text), code);
  }
}

}  // namespace
}  // namespace gemring

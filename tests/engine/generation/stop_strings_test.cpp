#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/generation/stop_rules.h"

namespace gemring {
namespace {

using Texts = std::vector<std::string>;

// What each piece gave out, and at the end what finish() gave.
Texts run(const Texts& stops, const Texts& pieces) {
  StopStrings stop(stops);
  Texts out;
  for (const std::string& piece : pieces) out.push_back(stop.push(piece));
  out.push_back(stop.finish());
  return out;
}

std::string joined(const Texts& texts) {
  std::string all;
  for (const std::string& text : texts) all += text;
  return all;
}

TEST(StopStrings, AreFoundAcrossPiecesAndNotGivenOut) {
  EXPECT_EQ(run({"\n\nQ:"}, {"Paris.", "\n", "\nIt", "\n\n", "Q: what", " more"}),
            (Texts{"Paris.", "", "\n\nIt", "", "", "", ""}));
}

TEST(StopStrings, WhatWasHeldBackComesAtTheEnd) {
  EXPECT_EQ(run({"END"}, {"the EN"}), (Texts{"the ", "EN"}));
  EXPECT_EQ(run({"END"}, {"the E", "", "N", "E"}), (Texts{"the ", "", "", "EN", "E"}));
}

TEST(StopStrings, WithoutAnyTheTextPassesAsItComes) {
  EXPECT_EQ(run({}, {"a", "", "b"}), (Texts{"a", "", "b", ""}));
}

TEST(StopStrings, OneByteIsHeldBackByNobody) {
  EXPECT_EQ(run({"."}, {"One", ". Two."}), (Texts{"One", "", ""}));
}

TEST(StopStrings, ABeginningMayBeginInsideAnother) {
  EXPECT_EQ(run({"aab"}, {"aaa", "b!"}), (Texts{"a", "", ""}));
  EXPECT_EQ(run({"abac"}, {"aba", "bac"}), (Texts{"", "ab", ""}));
}

TEST(StopStrings, TheFirstToBeCompleteCountsAndTheLongestOfThese) {
  EXPECT_EQ(joined(run({"abcd", "bc"}, {"abcd"})), "a");
  EXPECT_EQ(joined(run({"bc", "abc"}, {"xabc"})), "x");
  EXPECT_EQ(joined(run({"b", "abc"}, {"xabc"})), "xa");
}

TEST(StopStrings, FoundIsSaidAsSoonAsTheStringIsComplete) {
  StopStrings stop({"END"});
  stop.push("E");
  stop.push("N");
  EXPECT_FALSE(stop.found());
  stop.push("D");
  EXPECT_TRUE(stop.found());
  EXPECT_EQ(stop.push("more"), "");
}

TEST(StopStrings, CharactersOfSeveralBytesStayWhole) {
  // "é" is C3 A9, "è" is C3 A8: the stop string's first byte alone is not held back of a character that came whole.
  EXPECT_EQ(run({"è!"}, {"é", "è", "é"}), (Texts{"é", "", "èé", ""}));
}

// Every text of length 7 over two letters, cut in every way into three pieces, against a plain search.
TEST(StopStrings, HowTheTextIsCutChangesNothing) {
  const Texts stops = {"abab", "bb", "aabaa"};
  for (unsigned bits = 0; bits < 128; ++bits) {
    std::string text;
    for (unsigned i = 0; i < 7; ++i) text += (bits >> i & 1) != 0 ? 'b' : 'a';
    std::string expected = text;
    bool found = false;
    for (std::size_t end = 1; end <= text.size() && !found; ++end) {
      std::size_t longest = 0;
      for (const std::string& stop : stops) {
        if (text.substr(0, end).ends_with(stop)) longest = std::max(longest, stop.size());
      }
      if (longest == 0) continue;
      found = true;
      expected = text.substr(0, end - longest);
    }
    for (std::size_t a = 0; a <= 7; ++a) {
      for (std::size_t b = a; b <= 7; ++b) {
        StopStrings stop(stops);
        std::string out = stop.push(text.substr(0, a));
        out += stop.push(text.substr(a, b - a));
        out += stop.push(text.substr(b));
        EXPECT_EQ(stop.found(), found) << text;
        EXPECT_EQ(out + stop.finish(), expected) << text << " " << a << " " << b;
      }
    }
  }
}

TEST(StopStrings, AreBounded) {
  const auto refused = [](const Texts& stops) {
    try {
      StopStrings stop(stops, "\"stop\"");
      ADD_FAILURE() << "accepted";
    } catch (const UsageError& error) {
      EXPECT_EQ(error.text().where, "\"stop\"");
    }
  };
  refused({"a", ""});
  refused(Texts(StopStrings::kMost + 1, "a"));
  refused({std::string(StopStrings::kLongest + 1, 'a')});
  EXPECT_NO_THROW(StopStrings(Texts(StopStrings::kMost, std::string(StopStrings::kLongest, 'a'))));
}

}  // namespace
}  // namespace gemring

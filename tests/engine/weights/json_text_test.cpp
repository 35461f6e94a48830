#include "engine/weights/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/files.h"

namespace gemring {
namespace {

using namespace std::string_literals;
using test::contains;

std::string problem(std::string_view text, DuplicateKeys duplicates = DuplicateKeys::last_wins) {
  try {
    parse_json(text, duplicates);
  } catch (const JsonTextError& error) {
    return error.what();
  }
  return "no problem";
}

std::string nested(int levels, char open, char close) {
  return std::string(static_cast<std::size_t>(levels), open) + std::string(static_cast<std::size_t>(levels), close);
}

TEST(JsonText, WhatIsPlainlyNoObjectIsRefusedForOtherParsers) {
  const auto refusal = [](std::string_view text) -> std::string {
    try {
      require_json_object(text);
    } catch (const JsonTextError& error) {
      return error.what();
    }
    return "no problem";
  };
  for (const char* text : {"{}", " \r\n\t{", "\xef\xbb\xbf{}"}) EXPECT_EQ(refusal(text), "no problem") << text;
  for (const char* text : {"", " ", "[]", "3", "null", "\xef\xbb\xbf"}) {
    EXPECT_EQ(refusal(text), "is no JSON object") << text;
  }
  EXPECT_EQ(refusal("{" + nested(64, '[', ']') + "}"), "is nested deeper than 64 levels");
  EXPECT_EQ(refusal(nested(65, '[', ']')), "is nested deeper than 64 levels");
}

TEST(JsonText, DepthCountsBracketsOutsideOfStrings) {
  EXPECT_EQ(json_depth(""), 0);
  EXPECT_EQ(json_depth("1"), 0);
  EXPECT_EQ(json_depth(R"([1, {"a": [2]}, [3]])"), 3);
  EXPECT_EQ(json_depth(R"(["[[[[", "a\"[[[", "\\", [1]])"), 2);
  EXPECT_EQ(json_depth(R"(["[[)"), 1) << "an open string";
  EXPECT_EQ(json_depth(R"(["\)"), 1);
  EXPECT_EQ(json_depth("]]][[[["), 1);
}

TEST(JsonText, AsDeepAsTheLimitIsTakenAndOneDeeperRefused) {
  EXPECT_EQ(problem(nested(kDeepestJson, '[', ']')), "no problem");
  EXPECT_EQ(problem(nested(kDeepestJson + 1, '[', ']')), "is nested deeper than 64 levels");
  EXPECT_EQ(problem("[\"" + nested(1000, '[', ']') + "\"]"), "no problem") << "within a string";
}

// A value of a hundred thousand levels cannot be printed or copied: nlohmann recurses.
TEST(JsonText, HostileDepthIsRefusedBeforeItIsParsed) {
  for (const int levels : {100'000, 5'000'000}) {
    EXPECT_EQ(problem(nested(levels, '[', ']')), "is nested deeper than 64 levels");
    EXPECT_EQ(problem(std::string(static_cast<std::size_t>(levels), '[')), "is nested deeper than 64 levels");
    std::string objects;
    for (int i = 0; i < levels; ++i) objects += R"({"a":)";
    EXPECT_EQ(problem(objects), "is nested deeper than 64 levels");
    EXPECT_EQ(problem(objects, DuplicateKeys::refuse), "is nested deeper than 64 levels");
  }
}

TEST(JsonText, WhatIsParsedCanBePrinted) {
  EXPECT_EQ(parse_json(nested(kDeepestJson, '[', ']')).dump(), nested(kDeepestJson, '[', ']'));
}

TEST(JsonText, ProblemsAreNamed) {
  EXPECT_TRUE(contains(problem("{"), "is not valid JSON: column 2: syntax error"));
  EXPECT_TRUE(contains(problem("[\n1\nx"), "is not valid JSON: at line 3, column 1: syntax error"));
  EXPECT_LT(problem("[" + std::string(100'000, 'x')).size(), 200u) << "what was read last is not repeated";
  EXPECT_TRUE(contains(problem("[1] x"), "is not valid JSON: "));
  EXPECT_EQ(problem("[1]\0[2]"s), "holds a zero byte at byte 3");
  EXPECT_EQ(problem(R"({"a": {"b": 1, "b": 2}})", DuplicateKeys::refuse), "names b twice");
  EXPECT_EQ(problem(R"({"a": {"b": 1, "b": 2}})"), "no problem");
}

}  // namespace
}  // namespace gemring

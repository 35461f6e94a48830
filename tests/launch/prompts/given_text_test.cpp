#include "launch/prompts/given_text.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryDirectory;

TEST(GivenText, WhatIsUtf8StaysAsItIs) {
  for (const std::string text : {"", "caf\xc3\xa9\n", "\xef\xbb\xbfmarked", "\xf0\x9f\x90\x87"}) {
    EXPECT_EQ(checked_text(text, "--prompt", InvalidUtf8::refuse), text);
    EXPECT_EQ(checked_text(text, "--prompt", InvalidUtf8::replace), text);
  }
}

TEST(GivenText, WhatIsNoUtf8NamesTheOptionAndTheLine) {
  const auto error = [](const std::string& text) {
    return error_of<UsageError>([&] { checked_text(text, "--question", InvalidUtf8::refuse); });
  };
  EXPECT_TRUE(contains(error("caf\xe9"), "--question: line 1: byte 3 (0xE9) is no valid UTF-8"));
  EXPECT_TRUE(contains(error("a\nbc\n\xff"), "--question: line 3: byte 0 (0xFF) is no valid UTF-8"));
  EXPECT_TRUE(contains(error("\xff"), "line 1: byte 0"));
  EXPECT_TRUE(contains(error("a\nb\xc3"), "line 2: byte 1 (0xC3)"));  // cut off
  EXPECT_TRUE(contains(error("\xff"), "--invalid-utf8 replace"));
}

TEST(GivenText, OrIsRepaired) {
  EXPECT_EQ(checked_text("caf\xe9 au\nlait\xc3", "--prompt", InvalidUtf8::replace),
            "caf\xef\xbf\xbd au\nlait\xef\xbf\xbd");
}

TEST(GivenText, ADirectoryIsNoText) {
  const TemporaryDirectory directory;
  const std::string error = error_of<UsageError>([&] { read_given_text(directory.path(), "--prompt-file"); });
  EXPECT_TRUE(contains(error, "--prompt-file: " + directory.path() + " cannot be read: Is a directory"));
  EXPECT_EQ(read_given_text(directory.write("empty", ""), "--prompt-file"), "");
  EXPECT_EQ(read_given_text(directory.write("text", "a\r\n"), "--prompt-file"), "a\r\n");
}

}  // namespace
}  // namespace gemring

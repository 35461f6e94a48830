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

TEST(GivenText, EveryTextOfTheCommandLineIsLookedAt) {
  const auto with = [](const OptionDescription& option, InvalidUtf8 invalid) {
    Options options;
    options.prompt.invalid_utf8 = invalid;
    option.value.read(options, {"a\nh\xff"}, option.name);
    return options;
  };
  std::vector<std::string> looked_at;
  for (const OptionDescription& option : option_table()) {
    const ValueKind kind = option.value.kind;
    if ((kind != ValueKind::text && kind != ValueKind::list) || !option.belongs_to(Command::generate)) continue;
    Options refused = with(option, InvalidUtf8::refuse), replaced = with(option, InvalidUtf8::replace);
    if (option.request_field.empty() || option.file != FileUse::none) {
      check_texts(option_table(), refused);
      continue;
    }
    looked_at.push_back(option.name);
    EXPECT_TRUE(contains(error_of<UsageError>([&] { check_texts(option_table(), refused); }),
                         option.name + ": line 2: byte 1 (0xFF) is no valid UTF-8"));
    check_texts(option_table(), replaced);
    EXPECT_EQ(option.value.texts(replaced), std::vector<std::string>{"a\nh\xef\xbf\xbd"}) << option.name;
  }
  EXPECT_EQ(looked_at, (std::vector<std::string>{"--prompt", "--question", "--system", "--answer-prefix", "--stop"}));
}

TEST(GivenText, AWarningNamesTheTextAndGoesWhereItIsSent) {
  std::vector<std::string> heard;
  const Warn hear = [&](const std::string& warning) { heard.push_back(warning); };
  checked_text({"a\0b", 3}, "prompt", InvalidUtf8::refuse, hear);
  checked_text("\xef\xbb\xbf\xff", "system", InvalidUtf8::replace, hear);
  ASSERT_EQ(heard.size(), 3u);
  EXPECT_EQ(heard[0], "prompt holds 1 zero byte: is it a text in UTF-8?");
  EXPECT_TRUE(heard[1].starts_with("system begins with a byte order mark"));
  EXPECT_EQ(heard[2], "system: 1 place that is no UTF-8 became U+FFFD");
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

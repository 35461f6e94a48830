#include <gtest/gtest.h>

#include "launch/options/options_message.h"
#include "tests/launch/options/parsing.h"

namespace gemring {
namespace {

using test::parse;
using test::usage_problem;

TEST(ChatOptions, TheyAreReadAndArriveAsTheyLeft) {
  const Options sent = parse({"generate", "--model", "m", "--chat", "--system", "s", "--user-file", "u", "--question",
                              "q", "--answer-prefix", "a", "--chat-template", "t", "--date", "2024-07-26"});
  const Options received = from_message(option_table(), to_message(option_table(), sent));
  const ChatOptions& chat = received.prompt.chat;
  EXPECT_TRUE(chat.on);
  EXPECT_EQ(chat.system, "s");
  EXPECT_EQ(chat.user_file, "u");
  EXPECT_EQ(chat.answer_prefix, "a");
  EXPECT_EQ(chat.template_file, "t");
  EXPECT_EQ(chat.date, "2024-07-26");
  EXPECT_FALSE(parse({"generate", "--model", "m"}).prompt.chat.on);
}

TEST(ChatOptions, WithoutChatTheyAreRefused) {
  for (const char* option : {"--system", "--user-file", "--answer-prefix", "--chat-template"}) {
    EXPECT_EQ(usage_problem({"generate", "--model", "m", option, "x"}),
              std::string(option) + ": means nothing without --chat");
  }
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--date", "2024-07-26"}),
            "--date: means nothing without --chat");
}

TEST(ChatOptions, ChatDoesNotGoWithTokenIdsNorAUserFileWithAnotherPrompt) {
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--chat", "--prompt-ids", "f"}),
            "--prompt-ids: goes with no --chat");
  for (const char* other : {"--prompt", "--prompt-file"}) {
    EXPECT_EQ(usage_problem({"generate", "--model", "m", "--chat", "--user-file", "f", other, "x"}),
              "command line: more than one prompt is given");
  }
}

TEST(ChatOptions, ADateThatIsNoneIsAUsageError) {
  EXPECT_EQ(usage_problem({"render", "--model", "m", "--date", "26 Jul 2024"}), "--date: '26 Jul 2024' is no date");
}

TEST(TextCommands, TheyHaveTheirOwnOptionsOnly) {
  EXPECT_EQ(parse({"render", "--model", "m", "--date", "2024-07-26"}).prompt.chat.date, "2024-07-26");
  EXPECT_TRUE(parse({"tokenize", "--model", "m", "--special"}).tokenize.special);
  EXPECT_FALSE(parse({"tokenize", "--model", "m"}).tokenize.special);
  EXPECT_EQ(parse({"detokenize", "--model", "m"}).command, Command::detokenize);
  EXPECT_EQ(usage_problem({"detokenize", "--model", "m", "--special"}),
            "command line: '--special' is no option of gemring detokenize");
  EXPECT_EQ(usage_problem({"render", "--model", "m", "--keep", "3"}),
            "command line: '--keep' is no option of gemring render");
  EXPECT_EQ(usage_problem({"render"}), "--model: is not given");
}

}  // namespace
}  // namespace gemring

#include "launch/requests/shared_prompt.h"

#include <gtest/gtest.h>

#include "launch/requests/request_line.h"

namespace gemring {
namespace {

/// What is said after `lines`, where the command line gives `prompt`.
std::optional<std::string> unused_after(const PromptOptions& prompt, const std::vector<std::string>& lines) {
  SharedPrompt shared(prompt);
  for (const std::string& text : lines) {
    RequestLine line;
    line.prompt = prompt;
    read_request_line(text, line);
    shared.look_at(line.prompt);
  }
  return shared.unused();
}

TEST(SharedPrompt, IsUnusedWhereEveryLineHasItsOwn) {
  PromptOptions file;
  file.chat.on = true;
  file.chat.user_file = "book.txt";
  const std::string own = R"({"prompt": "p"})", none = R"({"question": "q"})";
  const std::string messages = R"({"messages": [{"role": "user", "content": "Hi"}]})";
  EXPECT_EQ(unused_after(file, {own, messages}), "--user-file");
  EXPECT_EQ(unused_after(file, {own, none, own}), std::nullopt);
  EXPECT_EQ(unused_after(file, {}), std::nullopt);  // nothing is known without a line
}

TEST(SharedPrompt, OfEveryKindIsSeen) {
  for (const OptionDescription& option : option_table()) {
    if (option.one_of != kOneOfPrompts || !option.belongs_to(Command::generate)) continue;
    Options options;
    options.prompt.chat.on = option.group == "Chat";
    option.value.read(options, {"given"}, option.name);
    EXPECT_EQ(unused_after(options.prompt, {R"({"prompt": "p"})"}), option.name);
    EXPECT_EQ(unused_after(options.prompt, {"{}"}), std::nullopt) << option.name;
  }
  EXPECT_EQ(unused_after({}, {R"({"prompt": "p"})"}), std::nullopt);
}

}  // namespace
}  // namespace gemring

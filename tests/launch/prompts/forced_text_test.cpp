#include "launch/prompts/forced_text.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace gemring {
namespace {

// Each byte is a token here, so that positions are places in the text.
std::vector<std::size_t> byte_tokens(const std::string& text) {
  std::vector<std::size_t> ends(text.size());
  std::iota(ends.begin(), ends.end(), std::size_t{1});
  return ends;
}

/// The kept tokens, pieces parted by '|'.
std::string kept(const std::string& text, const std::vector<TokenRange>& ranges) {
  std::string pieces;
  for (const TokenRange& range : merged(ranges, static_cast<std::int32_t>(text.size()))) {
    if (!pieces.empty()) pieces += '|';
    pieces += text.substr(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.end - range.begin));
  }
  return pieces;
}

std::string head_of(const PromptText& prompt) {
  return kept(prompt.text, forced_tokens(prompt, byte_tokens(prompt.text)).head);
}

std::string tail_of(const PromptText& prompt) {
  return kept(prompt.text, forced_tokens(prompt, byte_tokens(prompt.text)).tail);
}

std::string head(const std::string& text) {
  return head_of({text, std::nullopt});
}

std::string tail(const std::string& text) {
  return tail_of({text, std::nullopt});
}

const std::string kBook(2000, 'b');
const std::string kQuestion = "Who lives in the garden?";

TEST(ForcedText, AQuestionThatIsToldIsKeptWithTheFirstTokens) {
  const PromptText prompt{kBook + "\n\nno\n\n" + kQuestion, kBook.size() + 2};
  EXPECT_EQ(tail_of(prompt), "no\n\n" + kQuestion);
  EXPECT_EQ(head_of(prompt), "bbbb");
}

TEST(ForcedText, ElseTheLastParagraphIsTheQuestion) {
  for (const char* const between : {"\n\n", "\n \t\n", "\r\n\r\n", "\n\n\n\n"}) {
    EXPECT_EQ(tail(kBook + between + kQuestion), kQuestion);
    EXPECT_EQ(tail(kBook + between + kQuestion + "\r\n \n"), kQuestion + "\r\n \n")
        << "an empty last paragraph is none";
  }
  EXPECT_EQ(tail(kBook + "\n\nA question\nof two lines?"), "A question\nof two lines?");
  EXPECT_EQ(tail(kBook + "\n\n" + std::string(256, 'q')), std::string(256, 'q'));
}

TEST(ForcedText, ALongLastParagraphGivesItsLast64Tokens) {
  EXPECT_EQ(tail(kBook), std::string(64, 'b'));
  EXPECT_EQ(tail(kBook + "\n" + kQuestion), std::string(64 - 1 - kQuestion.size(), 'b') + "\n" + kQuestion);
  EXPECT_EQ(tail("a\n\n" + std::string(257, 'q')), "a\n\n|" + std::string(64, 'q'));
}

TEST(ForcedText, ATextShorterThanTheQuestionsBoundIsKeptWhole) {
  EXPECT_EQ(tail(kQuestion), kQuestion);
  EXPECT_EQ(tail("q"), "q");
  EXPECT_EQ(tail("\n\n"), "\n\n") << "there is no paragraph";
}

TEST(ForcedText, AVeryShortLastParagraphBringsTheOneBeforeItAlong) {
  EXPECT_EQ(tail(kBook + "\n\n" + kQuestion + "\n\nAnswer:"), kQuestion + "\n\nAnswer:");
  EXPECT_EQ(tail(kBook + "\n\n" + kQuestion + "\n\nso\n\nA:"), kQuestion + "\n\nso\n\nA:");
  EXPECT_EQ(tail(kBook + "\n\nAnswer:"), std::string(64 - 9, 'b') + "\n\nAnswer:") << "the one before is too long";
  EXPECT_EQ(tail("a\n\nb"), "a\n\nb");
}

TEST(ForcedText, AShortFirstParagraphMayBeTheQuestion) {
  const std::string end(64, 'b');
  EXPECT_EQ(tail(kQuestion + "\n\n" + kBook), kQuestion + "\n\n|" + end);
  EXPECT_EQ(tail("\n" + kQuestion + "\n\n" + kBook), kQuestion + "\n\n|" + end);
  EXPECT_EQ(tail(std::string(126, 'q') + "\n\n" + kBook), std::string(126, 'q') + "\n\n|" + end);
  EXPECT_EQ(tail(std::string(127, 'q') + "\n\n" + kBook), end) << "too long";
  EXPECT_EQ(head(kQuestion + "\n\n" + kBook), kQuestion.substr(0, 4)) << "it goes where --keep-last is given";
}

TEST(ForcedText, ATokenWithAnyByteOfTheQuestionIsKept) {
  const std::size_t question = kBook.size() + 2;
  const PromptText prompt{kBook + "\n\nWer wohnt im Gr\u00fcnen Garten?", question};
  // [BOS] book.. | "b\n\nW" | "er wohnt im Gr" and half of a character | the rest
  const std::vector<std::size_t> ends = {0, 1000, question - 3, question + 1, question + 16, prompt.text.size()};
  EXPECT_EQ(merged(forced_tokens(prompt, ends).tail, 6), (std::vector<TokenRange>{{3, 6}}));
}

/// Messages "S" (system), "U" or "A" with their texts, as [U]text[/U]; then [A].
PromptText chat(const std::vector<std::pair<char, std::string>>& messages) {
  PromptText prompt;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& [role, content] = messages[i];
    prompt.text += std::string("[") + role + "]";
    const std::size_t begin = prompt.text.size();
    prompt.text += content;
    if (!content.empty()) prompt.messages.push_back({i, role == 'S', {begin, prompt.text.size()}});
    prompt.text += std::string("[/") + role + "]";
  }
  prompt.text += "[A]";
  return prompt;
}

TEST(ForcedText, OfAChatSystemMessageAndMarkupAreKept) {
  const PromptText prompt = chat({{'S', "Be short."}, {'U', kBook + "\n\n" + kQuestion}});
  EXPECT_EQ(head_of(prompt), "[S]Be short.[/S][U]");
  EXPECT_EQ(tail_of(prompt), kQuestion + "[/U][A]");
}

TEST(ForcedText, ALongSystemMessageIsKeptUpToABound) {
  const PromptText prompt = chat({{'S', kBook}, {'U', kQuestion}});
  EXPECT_EQ(head_of(prompt), "[S]" + std::string(1024, 'b') + "|[/S][U]");
  EXPECT_EQ(tail_of(prompt), kQuestion + "[/U][A]");
}

TEST(ForcedText, OneMessageAloneIsReadLikeAPrompt) {
  EXPECT_EQ(tail_of(chat({{'U', kBook}})), std::string(64, 'b') + "[/U][A]");
  EXPECT_EQ(tail_of(chat({{'U', kQuestion + "\n\n" + kBook}})), kQuestion + "\n\n|" + std::string(64, 'b') + "[/U][A]");
  EXPECT_EQ(head_of(chat({{'U', kQuestion + "\n\n" + kBook}})), "[U]" + kQuestion.substr(0, 1));
}

TEST(ForcedText, TheLastTurnsAreKeptWhole) {
  const std::string answer(500, 'a');
  const PromptText prompt = chat({{'U', kBook}, {'A', answer}, {'U', "more\n\n" + kQuestion}});
  EXPECT_EQ(head_of(prompt), "[U]b|[/U][A]|[/A][U]");
  EXPECT_EQ(tail_of(prompt), answer + "|more\n\n" + kQuestion + "[/U][A]");
}

TEST(ForcedText, AnEarlierTurnThatDoesNotFitEndsThem) {
  const std::string long_answer(1001, 'a');  // with the question's 24 tokens one too many
  EXPECT_EQ(tail_of(chat({{'U', "hello"}, {'A', long_answer}, {'U', kQuestion}})), kQuestion + "[/U][A]");
  EXPECT_EQ(tail_of(chat({{'U', "hello"}, {'A', long_answer.substr(1)}, {'U', kQuestion}})),
            long_answer.substr(1) + "|" + kQuestion + "[/U][A]");
}

TEST(ForcedText, OfALongLastMessageTheQuestionAndTheTurnsBeforeIt) {
  EXPECT_EQ(tail_of(chat({{'U', "hello"}, {'A', "what?"}, {'U', kBook + "\n\n" + kQuestion}})),
            "what?|" + kQuestion + "[/U][A]")
      << "the first message is the text";
}

TEST(ForcedText, AQuestionThatIsToldStandsInTheLastMessage) {
  PromptText prompt = chat({{'S', "s"}, {'U', kQuestion + "\n\n" + kBook + " who?"}});
  prompt.question_begin = prompt.text.find("who?");
  EXPECT_EQ(head_of(prompt), "[S]s[/S][U]") << "the first paragraph is no question";
  EXPECT_EQ(tail_of(prompt), "who?[/U][A]");
}

TEST(ForcedText, AnEmptyLastMessageLeavesTheMarkup) {
  const PromptText prompt = chat({{'S', "s"}, {'U', ""}});
  EXPECT_EQ(tail_of(prompt), "s[/S][U][/U][A]");
}

}  // namespace
}  // namespace gemring

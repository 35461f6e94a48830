#include "launch/prompts/json_lines.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

#include "engine/base/error.h"
#include "launch/output/json_line_text.h"

namespace gemring {
namespace {

/// What answer_lines writes for `input`, and the error's words behind it where there is one.
std::string answers(const std::string& input, const std::function<std::string(std::string_view)>& answer) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  std::thread writer([&] {
    for (std::size_t at = 0; at < input.size();) {
      const ssize_t written = write(ends[1], input.data() + at, input.size() - at);
      if (written <= 0) break;
      at += static_cast<std::size_t>(written);
    }
    close(ends[1]);
  });
  std::FILE* const output = std::tmpfile();
  std::string problem;
  try {
    answer_lines(ends[0], output, answer);
  } catch (const Error& error) {
    problem = error.what();
  }
  std::string rest(65536, ' ');
  while (read(ends[0], rest.data(), rest.size()) > 0) continue;
  writer.join();
  close(ends[0]);
  std::rewind(output);
  std::string text;
  for (int byte = std::fgetc(output); byte != EOF; byte = std::fgetc(output)) text += static_cast<char>(byte);
  std::fclose(output);
  return text + problem;
}

std::string same(std::string_view line) {
  return std::string(line);
}

TEST(JsonLines, EachLineHasAnAnswer) {
  EXPECT_EQ(answers("a\nb\n", same), "a\nb\n");
  EXPECT_EQ(answers("a\nb", same), "a\nb\n");
  EXPECT_EQ(answers("", same), "");
}

TEST(JsonLines, BlankLinesHaveNone) {
  EXPECT_EQ(answers("\n \t\r\na\n\n", same), "a\n");
}

TEST(JsonLines, LinesLongerThanAPieceOfInputAreWhole) {
  const std::string line(200000, 'x');
  EXPECT_EQ(answers(line + "\ny\n", same), line + "\ny\n");
}

TEST(JsonLines, AnErrorNamesTheLineAndWhatCameBeforeIsOut) {
  const auto answer = [](std::string_view line) -> std::string {
    if (line == "bad") throw UsageError({"here", "is bad", ""});
    return std::string(line);
  };
  EXPECT_EQ(answers("a\n\nbad\nb\n", answer), "a\nline 3: here: is bad");
}

TEST(JsonLines, AnAnswerIsOutBeforeTheNextLineIsWaitedFor) {
  int in[2], out[2];
  ASSERT_EQ(pipe(in), 0);
  ASSERT_EQ(pipe(out), 0);
  std::FILE* const output = fdopen(out[1], "w");
  std::thread program([&] { answer_lines(in[0], output, same); });
  char byte = 0;
  for (const char asked : {'a', 'b'}) {
    const char line[2] = {asked, '\n'};
    ASSERT_EQ(write(in[1], line, 2), 2);
    ASSERT_EQ(read(out[0], &byte, 1), 1);  // hangs where the answer waits in a buffer
    EXPECT_EQ(byte, asked);
    ASSERT_EQ(read(out[0], &byte, 1), 1);
  }
  close(in[1]);
  program.join();
  std::fclose(output);
  close(in[0]);
  close(out[0]);
}

TEST(JsonLines, TextsAndIdsAreWrittenAsJson) {
  EXPECT_EQ(json_line_text("a\"\\\n\u00e9\x01"), "\"a\\\"\\\\\\n\u00e9\\u0001\"");
  EXPECT_EQ(json_ids(std::vector<TokenId>{TokenId(3), TokenId(0)}), "[3,0]");
  EXPECT_EQ(json_ids({}), "[]");
}

TEST(JsonLines, NothingInATextEndsALineForAnyReader) {
  EXPECT_EQ(json_line_text("\u0085\u2028\u2029\u2027"), "\"\\u0085\\u2028\\u2029\u2027\"");
}

TEST(JsonLines, TheTextOfALineIsReadStrictly) {
  EXPECT_EQ(text_of_line(R"({"ids": [1], "text": "a\n"})"), "a\n");
  for (const char* bad : {"", "[]", "{}", R"({"text": 1})", R"({"text": "a"} x)", "\"a\"", "{\"text\": \"\xff\"}"}) {
    EXPECT_THROW(text_of_line(bad), UsageError) << bad;
  }
  for (const int levels : {65, 100'000}) {
    const auto count = static_cast<std::size_t>(levels);
    const std::string deep = R"({"text": "a", "more": )" + std::string(count, '[') + std::string(count, ']') + "}";
    EXPECT_THROW(text_of_line(deep), UsageError) << levels;
  }
}

}  // namespace
}  // namespace gemring

#include "launch/requests/request_line.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

RequestLine read(const std::string& text, RequestLine line = {}) {
  read_request_line(text, line);
  return line;
}

/// What is wrong with the line: "where: problem".
std::string problem(const std::string& text, RequestLine line = {}) {
  try {
    read_request_line(text, line);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "none";
}

RequestLine chat() {
  RequestLine line;
  line.prompt.chat.on = true;
  return line;
}

TEST(RequestLine, EveryFieldIsRead) {
  const RequestLine line = read(
      R"({"id": "a\u00e9", "prompt": "p\n", "question": "q", "keep": 7, "pool": 3, "keep_first": 1, "keep_last": 2,
          "selection": "paper", "max_new_tokens": 5, "ignore_eos": true, "temperature": 0.5, "top_k": 4, "top_p": 0.25,
          "seed": 9007199254740992})");
  EXPECT_EQ(line.id, "a\xc3\xa9");
  EXPECT_EQ(line.prompt.text, "p\n");
  EXPECT_EQ(line.prompt.question, "q");
  EXPECT_EQ(line.filter.selection.keep, 7);
  EXPECT_EQ(line.filter.selection.pool_width, 3);
  EXPECT_EQ(line.filter.selection.keep_first, 1);
  EXPECT_EQ(line.filter.selection.keep_last, 2);
  EXPECT_EQ(line.filter.selection.policy, SelectionPolicy::paper);
  EXPECT_EQ(line.generate.max_new_tokens, 5);
  EXPECT_TRUE(line.generate.ignore_eos);
  EXPECT_EQ(line.generate.sampling.temperature, 0.5f);
  EXPECT_EQ(line.generate.sampling.top_k, 4);
  EXPECT_EQ(line.generate.sampling.top_p, 0.25f);
  EXPECT_EQ(line.generate.sampling.seed, std::uint64_t{1} << 53);
  const RequestLine more = read(
      R"({"prompt": "p", "temperature": 1, "min_p": 0.05, "repeat_penalty": 1.1, "presence_penalty": -0.5,
          "frequency_penalty": 0.25, "repeat_last_n": -1, "stop": ["\n\n", "Q:"], "keep_unit": "lines"})");
  EXPECT_EQ(more.filter.selection.unit, KeepUnit::lines);
  EXPECT_EQ(more.generate.sampling.min_p, 0.05f);
  EXPECT_EQ(more.generate.sampling.penalties.repeat, 1.1f);
  EXPECT_EQ(more.generate.sampling.penalties.presence, -0.5f);
  EXPECT_EQ(more.generate.sampling.penalties.frequency, 0.25f);
  EXPECT_EQ(more.generate.sampling.penalties.last_n, -1);
  EXPECT_EQ(more.generate.stop, (std::vector<std::string>{"\n\n", "Q:"}));
  EXPECT_EQ(read(R"({"prompt": "p", "stop": "END"})").generate.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(read(R"({"prompt_file": "book.txt"})").prompt.file, "book.txt");
  EXPECT_EQ(read(R"({"prompt_ids": [3, 99]})").prompt.ids, "[3,99]");
  const RequestLine message = read(R"({"prompt": "p", "system": "s", "answer_prefix": "The"})", chat());
  EXPECT_EQ(message.prompt.chat.system, "s");
  EXPECT_EQ(message.prompt.chat.answer_prefix, "The");
}

TEST(RequestLine, WhatALineDoesNotSayIsAsTheCommandLineSays) {
  RequestLine defaults;
  defaults.generate.max_new_tokens = 9;
  defaults.generate.sampling.temperature = 0.75f;
  defaults.filter.selection.keep = 64;
  defaults.prompt.question = "why?";
  const RequestLine line = read(R"({"prompt": "p", "temperature": 0})", defaults);
  EXPECT_EQ(line.id, "");
  EXPECT_EQ(line.generate.max_new_tokens, 9);
  EXPECT_EQ(line.generate.sampling.temperature, 0.0f);
  EXPECT_EQ(line.filter.selection.keep, 64);
  EXPECT_EQ(line.prompt.question, "why?");
}

TEST(RequestLine, ItsPromptStandsInForTheCommandLines) {
  RequestLine defaults;
  defaults.prompt.file = "book.txt";
  EXPECT_EQ(read(R"({"question": "q"})", defaults).prompt.file, "book.txt");
  const RequestLine own = read(R"({"prompt": "p"})", defaults);
  EXPECT_EQ(own.prompt.text, "p");
  EXPECT_FALSE(own.prompt.file);
  defaults.prompt = {};
  defaults.prompt.ids_file = "ids.json";
  const RequestLine ids = read(R"({"prompt_ids": [1]})", defaults);
  EXPECT_EQ(ids.prompt.ids, "[1]");
  EXPECT_FALSE(ids.prompt.ids_file);
}

TEST(RequestLine, ItNeedsOnePromptAndNotTwo) {
  EXPECT_EQ(problem(R"({"id": "a"})"), "prompt: is not there");
  EXPECT_EQ(problem(R"({"prompt": ""})"), "prompt: is empty");
  EXPECT_EQ(problem(R"({"prompt": "p", "prompt_ids": [1]})"), "prompt: is given more than once");
}

TEST(RequestLine, AQuestionAloneIsAMessage) {
  EXPECT_EQ(read(R"({"question": "Why?"})", chat()).prompt.text, "");
  EXPECT_EQ(problem(R"({"question": ""})", chat()), "prompt: is empty");
  EXPECT_EQ(problem(R"({"question": "Why?"})"), "prompt: is not there");
}

TEST(RequestLine, MessagesAreAConversationInPlaceOfAPrompt) {
  RequestLine defaults = chat();
  defaults.prompt.chat.messages_file = "talk.json";
  EXPECT_EQ(read(R"({"question": "q"})", defaults).prompt.chat.messages_file, "talk.json");
  const RequestLine line = read(R"({"messages": [{"role": "user", "content": "Hi"}]})", defaults);
  EXPECT_EQ(line.prompt.chat.messages, R"([{"content":"Hi","role":"user"}])");
  EXPECT_FALSE(line.prompt.chat.messages_file);
  EXPECT_EQ(problem(R"({"messages": []})"), "messages: means nothing without --chat");
  EXPECT_EQ(problem(R"({"messages": "Hi"})", chat()), "messages: is \"Hi\"");
  EXPECT_EQ(problem(R"({"messages": [], "prompt": "p"})", chat()), "prompt: is given more than once");
  EXPECT_EQ(read(R"({"prompt": "p", "invalid_utf8": "replace"})").prompt.invalid_utf8, InvalidUtf8::replace);
}

TEST(RequestLine, AnUnknownFieldIsNamed) {
  EXPECT_EQ(problem(R"({"prompt": "p", "max_tokens": 5})"), "max_tokens: is no field of a request");
  EXPECT_EQ(problem(R"({"prompt": "p", "seed": 1, "seed": 2})"), "seed: is there twice");
  EXPECT_EQ(problem(R"({"messages": [{"role": "a", "role": "b"}]})", chat()), "role: is there twice");
}

TEST(RequestLine, AValueOfTheWrongTypeIsShown) {
  EXPECT_EQ(problem(R"({"id": 5, "prompt": "p"})"), "id: is 5");
  EXPECT_EQ(problem(R"({"prompt_ids": "ids.json"})"), "prompt_ids: is \"ids.json\"");
  EXPECT_EQ(problem(R"({"prompt": null})"), "prompt: is null");
  EXPECT_EQ(problem(R"({"prompt": "p", "keep": 2.5})"), "keep: is 2.5");
  EXPECT_EQ(problem(R"({"prompt": "p", "keep": 4294967296})"), "keep: 4294967296 is too large");
  EXPECT_EQ(problem(R"({"prompt": "p", "top_k": "4"})"), "top_k: is \"4\"");
  EXPECT_EQ(problem(R"({"prompt": "p", "ignore_eos": 1})"), "ignore_eos: is 1");
  EXPECT_EQ(problem(R"({"prompt": "p", "seed": -2})"), "seed: -2 is too small");
  EXPECT_EQ(problem(R"({"prompt": "p", "stop": ["a", 1]})"), "stop: is [\"a\",1]");
  EXPECT_EQ(problem(R"({"prompt": "p", "selection": "best"})"), "selection: is \"best\"");
  EXPECT_EQ(problem(R"({"prompt": ")" + std::string(500, 'x') + R"(", "keep": ")" + std::string(500, 'x') + "\"}"),
            "keep: is string of 502 bytes");
}

TEST(RequestLine, AValueOutOfRangeIsAnError) {
  EXPECT_EQ(problem(R"({"prompt": "p", "max_new_tokens": 0})"), "max_new_tokens: 0 is too small");
  EXPECT_NE(problem(R"({"prompt": "p", "temperature": -1})"), "none");
  EXPECT_NE(problem(R"({"prompt": "p", "top_p": 1.5})"), "none");
}

TEST(RequestLine, EveryNumberHasTheBoundsOfItsOption) {
  int numbers = 0;
  for (const OptionDescription& option : option_table()) {
    if (option.request_field.empty() || !option.value.bounds) continue;
    ++numbers;
    const auto with = [&](const std::string& number) {
      return problem(R"({"prompt": "p", ")" + option.request_field + R"(": )" + number + "}");
    };
    EXPECT_EQ(with(option.value.bounds->most), "none") << option.name;
    for (const char* number :
         {"1e30", "-1e30", "99999999999999999999", "-99999999999999999999", "-1000000000000", "null"}) {
      EXPECT_TRUE(with(number).starts_with(option.request_field + ": ")) << option.name << " " << number;
    }
  }
  EXPECT_GT(numbers, 10);
}

TEST(RequestLine, FieldsThatMeanNothingHereAreErrors) {
  EXPECT_EQ(problem(R"({"prompt": "p", "system": "s"})"), "system: means nothing without --chat");
  EXPECT_EQ(problem(R"({"prompt_ids": [1], "question": "q"})"), "prompt_ids: goes with no --question");
  EXPECT_EQ(problem(R"({"prompt_ids": [1]})", chat()), "prompt_ids: goes with no --chat");
  RequestLine ids;
  ids.prompt.ids_file = "ids.json";
  EXPECT_EQ(problem(R"({"question": "q"})", ids), "question: goes with no --prompt-ids");
  RequestLine question;
  question.prompt.question = "q";
  EXPECT_EQ(problem(R"({"prompt_ids": [1]})", question), "prompt_ids: goes with no --question");
}

TEST(RequestLine, FieldsOfTheFilterThatMeanNothingAreWarnedOf) {
  RequestLine full;
  full.filter.method = Method::full;
  EXPECT_EQ(read(R"({"prompt": "p", "keep": 5})", full).warnings,
            std::vector<std::string>{"keep: means nothing with --method full"});
  EXPECT_EQ(read(R"({"prompt": "p", "keep_first": 3, "selection": "paper"})").warnings,
            std::vector<std::string>{"keep_first: means nothing with --selection paper"});
  EXPECT_EQ(read(R"({"prompt_ids": [1], "invalid_utf8": "replace"})").warnings,
            std::vector<std::string>{"invalid_utf8: means nothing with --prompt-ids"});
  EXPECT_EQ(read(R"({"prompt": "p", "repeat_penalty": 1.2, "repeat_last_n": 0})").warnings,
            std::vector<std::string>{"repeat_penalty: means nothing with --repeat-last-n 0"});
}

TEST(RequestLine, FieldsOfSamplingThatMeanNothingAreWarnedOf) {
  EXPECT_EQ(read(R"({"prompt": "p", "top_k": 5, "temperature": 0.5})").warnings, std::vector<std::string>{});
  EXPECT_EQ(
      read(R"({"prompt": "p", "top_k": 5})").warnings,
      std::vector<std::string>{"top_k: means nothing at temperature 0, where the likeliest token is always taken"});
  RequestLine warm;
  warm.generate.sampling.temperature = 1;
  EXPECT_EQ(read(R"({"prompt": "p", "seed": 5})", warm).warnings.size(), 0u);
  EXPECT_EQ(read(R"({"prompt": "p", "seed": 5, "temperature": 0})", warm).warnings.size(), 1u);
}

TEST(RequestLine, ASeedOfMinusOneIsDrawnForEachLine) {
  const RequestLine a = read(R"({"prompt": "p", "temperature": 1, "seed": -1})");
  const RequestLine b = read(R"({"prompt": "p", "temperature": 1, "seed": -1})");
  EXPECT_FALSE(a.generate.draw_seed);
  EXPECT_LT(a.generate.sampling.seed, std::uint64_t{1} << 32);
  EXPECT_NE(a.generate.sampling.seed, b.generate.sampling.seed);  // by chance once in 2^32 runs
}

TEST(RequestLine, WhatIsNoJsonObjectSaysWhere) {
  EXPECT_EQ(problem("[1]"), "request: is no JSON object");
  EXPECT_EQ(problem("{\"prompt\": p}").substr(0, 37), "request: is not valid JSON: column 12");
  EXPECT_EQ(problem("{\"prompt\": \"\xff\"}").find('\xff'), std::string::npos);
  EXPECT_EQ(problem(std::string("{\"prompt\": \"p\"}\0", 16)), "request: holds a zero byte at byte 15");
  EXPECT_EQ(problem("{\"prompt\": " + std::string(64, '[')), "request: is nested deeper than 64 levels");
}

TEST(RequestLine, WhatIsNoUtf8IsAnErrorOrReplacedAsTheCommandLineOrTheLineSays) {
  const std::string bad = "{\"prompt\": \"h\xffi\"}", good = "h\xef\xbf\xbdi";
  EXPECT_EQ(problem(bad), "request: byte 13 (0xFF) is no valid UTF-8");
  RequestLine replace;
  replace.prompt.invalid_utf8 = InvalidUtf8::replace;
  const RequestLine line = read(bad, replace);
  EXPECT_EQ(line.prompt.text, good);
  EXPECT_EQ(line.warnings, std::vector<std::string>{"the line: 1 place that is no UTF-8 became U+FFFD"});
  EXPECT_EQ(read("{\"prompt\": \"h\xffi\", \"invalid_utf8\": \"replace\"}").prompt.text, good);
  EXPECT_EQ(problem("{\"prompt\": \"h\xffi\", \"invalid_utf8\": \"refuse\"}", replace),
            "request: byte 13 (0xFF) is no valid UTF-8");
  EXPECT_TRUE(problem("{\"prompt\": h\xffi\"}", replace).starts_with("request: is not valid JSON: column 12"));
  EXPECT_EQ(problem("[\"\xff\"]", replace), "request: is no JSON object");
}

TEST(RequestLine, AWarningOfATextNamesItsField) {
  const RequestLine line = read(R"({"prompt": "a\u0000b", "system": "\ufeff", "stop": ["\u0000"]})", chat());
  ASSERT_EQ(line.warnings.size(), 3u);
  EXPECT_EQ(line.warnings[0], "prompt holds 1 zero byte: is it a text in UTF-8?");
  EXPECT_TRUE(line.warnings[1].starts_with("system begins with a byte order mark"));
  EXPECT_EQ(line.warnings[2], "stop holds 1 zero byte: is it a text in UTF-8?");
  RequestLine given;  // what the command line gives was warned of there
  given.prompt.text = std::string("a\0b", 3);
  EXPECT_EQ(read("{}", given).warnings, std::vector<std::string>{});
}

TEST(RequestLine, TheIdIsKnownEvenWhereTheRestIsBad) {
  RequestLine line;
  EXPECT_THROW(read_request_line(R"({"keep": "x", "id": "a", "prompt": "p"})", line), UsageError);
  EXPECT_EQ(line.id, "a");
}

}  // namespace
}  // namespace gemring

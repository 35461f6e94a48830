#include "launch/calibrate/calibration_prompts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/selection/selection.h"
#include "engine/text/unicode/byte_range.h"
#include "engine/text/unicode/utf8.h"
#include "engine/weights/json_text.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/forced_text.h"
#include "launch/prompts/given_text.h"
#include "launch/prompts/text_units.h"

namespace gemring {
namespace {

constexpr std::int32_t kQuestionTokens = 160;  // about: facts, question and a template's own
constexpr std::size_t kTokenBytes = 8;         // of a text, more than tokens have on average

/// Where the answer stands in the prompt's text. Of a fact the last: a key may be written like a value.
ByteRange place_of(const std::string& fact, const std::string& answer, const std::string& text) {
  const std::size_t begin = text.find(fact);
  GEMRING_CHECK(begin != std::string::npos, "the chat template changed the text: '{}' is not in it", fact);
  const std::size_t at = begin + fact.rfind(answer);
  return {at, at + answer.size()};
}

constexpr const char* kQuestionAdvice = R"(write {"text": TEXT or "file": FILE, "question": TEXT, "answer": TEXT})";

std::string field(const nlohmann::json& line, const char* key, const std::string& where) {
  const auto found = line.find(key);
  if (found == line.end() || !found->is_string() || found->get_ref<const std::string&>().empty()) {
    throw UsageError({where, fmt::format("gives no \"{}\"", key), kQuestionAdvice});
  }
  return found->get<std::string>();
}

/// "answer", or the texts of "answers".
std::vector<std::string> answers_of(const nlohmann::json& line, const std::string& where) {
  const auto list = line.find("answers");
  if (list == line.end()) return {field(line, "answer", where)};
  const bool texts = list->is_array() && !list->empty() &&
                     std::all_of(list->begin(), list->end(), [](const auto& one) { return one.is_string(); });
  if (!texts || line.contains("answer")) {
    throw UsageError({where, "\"answers\" is no list of texts by itself", R"(write "answers": [TEXT, TEXT])"});
  }
  return list->get<std::vector<std::string>>();
}

nlohmann::json object_of(const std::string& line, const std::string& where) {
  nlohmann::json json;
  try {
    require_json_object(line);
    json = parse_json(line);
  } catch (const JsonTextError& error) {
    throw UsageError({where, error.what(), "write one JSON object a line"});
  }
  constexpr std::array<std::string_view, 6> kFields = {"text", "file", "question", "answer", "answers", "passage"};
  for (const auto& [key, value] : json.items()) {
    if (std::find(kFields.begin(), kFields.end(), key) == kFields.end())
      throw UsageError({where, fmt::format("\"{}\" is no field of a question", key), "leave it out"});
  }
  return json;
}

Needle question_of(const std::string& line, const std::string& where, std::string_view text) {
  const nlohmann::json json = object_of(line, where);
  Needle needle{.kind = "own", .text = {}, .question = field(json, "question", where), .facts = {}, .answers = {}};
  if (json.contains("file")) {
    const std::string path = field(json, "file", where);
    needle.text = checked_text(read_given_text(path, "--questions"), path, InvalidUtf8::refuse);
  } else if (json.contains("text") || text.empty()) {
    needle.text = field(json, "text", where);
  } else {
    needle.text = text;
  }
  needle.accepted = answers_of(json, where);
  const std::string& answer = needle.accepted.front();
  const std::string fact = json.contains("passage") ? field(json, "passage", where) : answer;
  if (answer.empty() || fact.find(answer) == std::string::npos || needle.text.find(fact) == std::string::npos) {
    throw UsageError(
        {where, fmt::format("the {} '{}' does not stand in its text", fact == answer ? "answer" : "passage", fact),
         "the tokens of the answer are looked for: write it as the text does"});
  }
  needle.facts = {fact};
  needle.answers = {answer};
  return needle;
}

}  // namespace

std::string read_texts(const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".txt") paths.push_back(entry.path().string());
  }
  if (error) throw UsageError({"--texts", fmt::format("{}: {}", directory, error.message()), "name a directory"});
  std::sort(paths.begin(), paths.end());
  std::string text;
  for (const std::string& path : paths) {
    text += checked_text(read_given_text(path, "--texts"), path, InvalidUtf8::refuse) + "\n";
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    throw UsageError({"--texts", fmt::format("{} has no text in files *.txt", directory), "put some there"});
  }
  return text;
}

std::vector<Needle> read_questions(const std::string& lines, const std::string& name, const QuestionRules& rules) {
  std::vector<Needle> needles;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    const std::string line = lines.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    needles.push_back(question_of(line, fmt::format("{}, line {}", name, number), rules.text));
  }
  if (needles.size() < rules.least) {
    throw UsageError({name, fmt::format("has {} questions", needles.size()),
                      rules.least > 1 ? "give at least two: one half chooses, the other confirms" : "give one"});
  }
  return needles;
}

CalibrationPrompts::CalibrationPrompts(const Tokenizer& tokenizer, const ChatTemplate* chat, std::string_view text)
    : tokenizer_(tokenizer), chat_(chat), text_(text) {}

std::string CalibrationPrompts::piece(std::int32_t tokens, std::uint64_t seed) const {
  const auto to_whole_characters = [](std::string& text) {
    text.resize(first_invalid_utf8(text).value_or(text.size()));
  };
  const std::size_t wanted = static_cast<std::size_t>(tokens) * kTokenBytes;
  std::size_t begin = ((seed * 0x9e3779b97f4a7c15u) >> 16) % text_.size();
  while (begin > 0 && (static_cast<unsigned char>(text_[begin]) & 0xc0) == 0x80) --begin;
  std::string text(text_.substr(begin));
  while (text.size() < wanted) text += text_;
  text.resize(wanted);
  to_whole_characters(text);
  const Encoding encoding = tokenizer_.encode(text, {.add_bos = false, .parse_special = false});
  text.resize(encoding.ends[std::min(encoding.ends.size(), static_cast<std::size_t>(tokens)) - 1]);
  to_whole_characters(text);
  return text;
}

CalibrationPrompt CalibrationPrompts::make(NeedleKind kind, std::int32_t length, std::uint64_t seed) const {
  CalibrationPrompt prompt = make(make_needle(kind, piece(std::max(length - kQuestionTokens, 16), seed), seed));
  prompt.paraphrased = kind == NeedleKind::paraphrase;
  return prompt;
}

CalibrationPrompt CalibrationPrompts::make(const Needle& needle) const {
  const PromptText text =
      chat_ == nullptr ? join(needle.text, needle.question) : chat_prompt(*chat_, {}, needle.text, needle.question);
  const Encoding encoding =
      tokenizer_.encode(text.text, {.add_bos = text.adds_special_tokens, .literal = text.literal});
  CalibrationPrompt prompt{
      .kind = needle.kind, .paraphrased = false, .ids = encoding.ids, .answer = {}, .forced = {}, .sentence_ends = {}};
  const auto tokens = static_cast<std::int32_t>(encoding.ids.size());
  SelectionOptions everything;
  everything.keep = tokens;
  prompt.forced = resolve(everything, tokens, forced_tokens(text, encoding.ends)).forced;
  prompt.sentence_ends = unit_ends(KeepUnit::sentences, text.text, encoding.ends);
  std::size_t begin = 0;
  std::vector<ByteRange> places;
  for (std::size_t i = 0; i < needle.facts.size(); ++i) {
    places.push_back(place_of(needle.facts[i], needle.answers[i], text.text));
  }
  for (std::size_t token = 0; token < encoding.ends.size(); ++token) {
    const std::size_t end = encoding.ends[token];
    const bool answers = std::any_of(places.begin(), places.end(),
                                     [&](const ByteRange& place) { return end > place.begin && begin < place.end; });
    if (answers) prompt.answer.emplace_back(token);
    begin = end;
  }
  return prompt;
}

}  // namespace gemring

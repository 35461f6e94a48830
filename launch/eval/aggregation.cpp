#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "launch/calibrate/draw.h"
#include "launch/eval/context.h"
#include "launch/eval/task.h"
#include "launch/eval/words.h"

namespace gemring {
namespace {

constexpr std::size_t kCommonWords = 10;
constexpr std::int32_t kShortList = 4096;  // tokens; RULER repeats words less often below

struct ListShape {
  std::size_t uncommon = 0;      // words
  std::size_t common_times = 0;  // that each of the ten stands there
  std::size_t uncommon_times = 0;
};

/// Adds "1. castle 2. otter ..." and returns the ten words that are there most often.
std::vector<std::string> add_list(const ListShape& shape, bool is_asked, DistinctWords& words, Draw& draw,
                                  ContextText& text) {
  std::vector<std::string> common;
  std::vector<Fact> entries;
  for (std::size_t i = 0; i < kCommonWords; ++i) {
    common.push_back(words.word());
    const Fact entry{common.back(), is_asked ? common.back() : std::string()};
    entries.insert(entries.end(), shape.common_times, entry);
  }
  for (std::size_t i = 0; i < shape.uncommon; ++i) {
    entries.insert(entries.end(), shape.uncommon_times, Fact{words.word(), {}});
  }
  draw.shuffle(entries);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    text.add(fmt::format("{}{}. ", i == 0 ? "" : " ", i + 1));
    text.add(entries[i]);
  }
  return common;
}

EvalCase make_list_case(const CaseShape& wanted) {
  constexpr const char* kInstruction =
      "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that "
      "appear most often.\n";
  constexpr const char* kQuestion = "Question: What are the 10 most common words in the above list?";
  constexpr const char* kPrefix = "Answer: The top 10 words that appear most often in the list are:";
  const bool is_short = wanted.length < kShortList;
  Draw draw(wanted.seed);
  DistinctWords words(draw);
  ContextText text(kInstruction);
  const std::vector<std::string> example =
      add_list(is_short ? ListShape{10, 3, 1} : ListShape{30, 10, 3}, false, words, draw, text);
  text.add(fmt::format("\n{} {}", kQuestion, kPrefix));
  for (std::size_t i = 0; i < example.size(); ++i) text.add(fmt::format(" {}. {}", i + 1, example[i]));
  text.add(fmt::format("\n{}", kInstruction));
  const std::vector<std::string> common =
      add_list({wanted.amount, is_short ? 6u : 30u, is_short ? 1u : 3u}, true, words, draw, text);
  return {.context = text.text(),
          .question = kQuestion,
          .answer_prefix = kPrefix,
          .answers = common,
          .places = text.places()};
}

/// Coded words whose numbers fall with the square of their rank (zeta 2). The most frequent one is noise: dots.
EvalCase make_coded_case(const CaseShape& wanted) {
  constexpr double kZetaOfTwo = 1.6449340668482264;
  constexpr std::size_t kLetters = 6, kAsked = 3;
  constexpr std::size_t kLeastWords = 100;  // below, the fourth word is there as often as the fifth
  constexpr std::int32_t kTokensOfACode = 50;
  Draw draw(wanted.seed);
  std::vector<std::string> codes = {"..."};
  std::set<std::string> taken;
  const std::size_t count = std::max(static_cast<std::size_t>(wanted.length / kTokensOfACode), 2 * kAsked);
  while (codes.size() < count) {
    std::string code = draw.letters(kLetters, 'a');
    if (taken.insert(code).second) codes.push_back(std::move(code));
  }
  std::vector<Fact> words;
  const auto all = static_cast<double>(kLeastWords + wanted.amount);
  for (std::size_t rank = 1; rank <= codes.size(); ++rank) {
    const auto times = static_cast<std::size_t>(all / (std::pow(static_cast<double>(rank), 2) * kZetaOfTwo));
    const bool is_asked = rank > 1 && rank <= 1 + kAsked;
    words.insert(words.end(), times, Fact{codes[rank - 1], is_asked ? codes[rank - 1] : std::string()});
  }
  draw.shuffle(words);
  ContextText text(
      "Read the following coded text and track the frequency of each coded word. Find the three most frequently "
      "appeared coded words.");
  for (const Fact& word : words) {
    text.add(" ");
    text.add(word);
  }
  return {.context = text.text(),
          .question =
              "Question: Do not provide any explanation. Please ignore the dots '....'. What are the three "
              "most frequently appeared words in the above coded text?",
          .answer_prefix = "Answer: According to the coded text above, the three most frequently appeared words are:",
          .answers = {codes.begin() + 1, codes.begin() + 1 + kAsked},
          .places = text.places()};
}

}  // namespace

EvalTask common_words() {
  return {.name = "cwe",
          .category = TaskCategory::aggregation,
          .max_new_tokens = 120,
          .any_answer = false,
          .has_depth = false,
          .make = make_list_case};
}

EvalTask frequent_words() {
  return {.name = "fwe",
          .category = TaskCategory::aggregation,
          .max_new_tokens = 50,
          .any_answer = false,
          .has_depth = false,
          .make = make_coded_case};
}

}  // namespace gemring

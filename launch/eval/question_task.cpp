#include "launch/eval/question_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "engine/base/check.h"
#include "launch/eval/context.h"

namespace gemring {
namespace {

/// One-spaced, with the byte at which each word begins.
struct BookText {
  std::string text;
  std::vector<std::size_t> words;

  std::string piece(std::size_t first, std::size_t count) const {
    const std::size_t behind = first + count;
    const std::size_t end = behind < words.size() ? words[behind] - 1 : text.size();
    return text.substr(words.at(first), end - words.at(first));
  }
  std::size_t word_at(std::size_t byte) const {
    return static_cast<std::size_t>(std::upper_bound(words.begin(), words.end(), byte) - words.begin()) - 1;
  }
};

struct BookQuestion {
  std::shared_ptr<const BookText> book;
  std::string question;
  Fact fact;
  std::vector<std::string> answers;
  std::size_t first_word = 0;  // of the fact
  std::size_t word_count = 0;
};

std::shared_ptr<const BookText> book_of(const std::string& raw) {
  BookText book{one_spaced(raw), {}};
  for (std::size_t i = 0; i < book.text.size(); ++i) {
    if (i == 0 || book.text[i - 1] == ' ') book.words.push_back(i);
  }
  return std::make_shared<const BookText>(std::move(book));
}

std::vector<BookQuestion> prepared(const std::vector<Needle>& needles) {
  std::vector<BookQuestion> questions;
  for (std::size_t i = 0; i < needles.size(); ++i) {
    const Needle& needle = needles[i];
    const bool same_text = i > 0 && needle.text == needles[i - 1].text;
    BookQuestion question{same_text ? questions.back().book : book_of(needle.text),
                          needle.question,
                          {one_spaced(needle.facts.at(0)), one_spaced(needle.answers.at(0))},
                          needle.accepted};
    const std::size_t begin = question.book->text.find(question.fact.sentence);
    GEMRING_CHECK(begin != std::string::npos, "'{}' is not in its text", question.fact.sentence);
    question.first_word = question.book->word_at(begin);
    question.word_count = question.book->word_at(begin + question.fact.sentence.size() - 1) + 1 - question.first_word;
    questions.push_back(std::move(question));
  }
  return questions;
}

EvalCase make_question_case(const BookQuestion& asked, const CaseShape& wanted) {
  constexpr const char* kInstruction =
      "Answer the question based on the given text. Only give me the answer and do not output any other words.";
  const std::size_t all = asked.book->words.size();
  const std::size_t others = std::min(wanted.amount, all - asked.word_count);
  const auto before = static_cast<std::size_t>(std::lround(wanted.depth * static_cast<double>(others)));
  const std::size_t count = asked.word_count + others;
  const std::size_t first = std::min(asked.first_word - std::min(before, asked.first_word), all - count);
  const std::string piece = asked.book->piece(first, count);
  const std::size_t at = piece.find(asked.fact.sentence);
  ContextText text(fmt::format("{}\n\nThe following is the given text.\n\n", kInstruction));
  text.add(piece.substr(0, at));
  text.add(asked.fact);
  text.add(piece.substr(at + asked.fact.sentence.size()));
  text.add("\n");
  return {.context = text.text(),
          .question = fmt::format("{}\n\nQuestion: {}", kInstruction, asked.question),
          .answer_prefix = "Answer:",
          .answers = asked.answers,
          .places = text.places()};
}

}  // namespace

std::string one_spaced(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!blank)
      result += c;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

EvalTask question_task(const std::vector<Needle>& questions) {
  GEMRING_CHECK(!questions.empty(), "no questions");
  return {.name = "qa",
          .category = TaskCategory::question,
          .max_new_tokens = 32,
          .any_answer = true,
          .has_depth = true,
          .make = [all = prepared(questions)](const CaseShape& wanted) {
            return make_question_case(all[static_cast<std::size_t>(wanted.sample) % all.size()], wanted);
          }};
}

}  // namespace gemring

#include "launch/eval/suite.h"

#include "engine/base/hash.h"
#include "launch/calibrate/calibration_prompts.h"
#include "launch/eval/question_task.h"
#include "launch/prompts/given_text.h"

namespace gemring {

Suite::Suite(const EvalOptions& options) : options_(options) {
  if (options.suite == EvalSuite::qa) {
    read_questions_of(options);
    return;
  }
  book_ = options.texts ? read_texts(*options.texts) : std::string(bundled_text());
  hay_.emplace(book_);
  tasks_ = chosen_tasks(options, options.suite == EvalSuite::ruler ? ruler_tasks(*hay_) : needle_tasks(*hay_));
  fingerprint_ = fnv1a(book_);
}

void Suite::read_questions_of(const EvalOptions& options) {
  const std::string lines =
      options.questions ? read_given_text(*options.questions, "--questions") : std::string(bundled_questions());
  QuestionRules rules{.least = 1, .text = {}};
  if (!options.questions) {
    book_ = one_spaced(bundled_text());  // as the passages are
    rules.text = book_;
  }
  const std::vector<Needle> questions =
      read_questions(lines, options.questions.value_or("the program's questions"), rules);
  fingerprint_ = fnv1a(lines);
  for (const Needle& question : questions) fingerprint_ = fnv1a(question.text, fingerprint_);
  questions_ = static_cast<std::int32_t>(questions.size());
  tasks_ = {question_task(questions)};
}

}  // namespace gemring

// What is asked of a model: a task makes a text of any length with a question, and knows the answer and its place.
// The names and the words are those of RULER (arXiv 2404.06654); its essays are books here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/unicode/byte_range.h"

namespace gemring {

/// Reported apart: what stands at one place can be selected, what is counted over the whole text cannot.
enum class TaskCategory : int { retrieval, tracking, aggregation, question };

std::string_view name(TaskCategory category);  // "retrieval"

struct EvalCase {
  std::string context;               // with the task's instruction, up to the question
  std::string question;              // the prompt's end, and what the filter is to look for
  std::string answer_prefix;         // how the answer begins; the model goes on from it
  std::vector<std::string> answers;  // the references
  std::vector<ByteRange> places;     // of the answers in `context`, ascending
};

/// What a case is made of; nothing else has an influence on it.
struct CaseShape {
  std::int32_t length = 0;  // tokens that it may have, with those of the answer
  double depth = 0;         // 0 to 1: where in the text the (first) needle stands
  std::int32_t sample = 0;  // the how-manieth; of questions that are given: which
  std::uint64_t seed = 0;
  std::size_t amount = 0;  // of the text, in the task's own units; found by search (case_maker.h)
};

struct EvalTask {
  std::string name;
  TaskCategory category = TaskCategory::retrieval;
  std::int32_t max_new_tokens = 128;  // RULER's
  bool any_answer = false;            // one of the references is enough; else the score is the share of them
  bool has_depth = true;              // false: what is asked is spread over the text
  std::function<EvalCase(const CaseShape& shape)> make;
};

/// Books, as words that begin again where they end.
class Hay {
 public:
  /// Requires: text is not blank. It outlives this.
  explicit Hay(std::string_view text);

  std::size_t size() const { return words_.size(); }
  std::string_view word(std::size_t index) const { return words_[index % words_.size()]; }

 private:
  std::vector<std::string_view> words_;
};

/// niah_single_1..3, niah_multikey_1..3, niah_multivalue, niah_multiquery. `hay` outlives the tasks.
std::vector<EvalTask> needle_tasks(const Hay& hay);
EvalTask variable_tracking();  // vt
EvalTask common_words();       // cwe
EvalTask frequent_words();     // fwe

/// All of these.
std::vector<EvalTask> ruler_tasks(const Hay& hay);

/// The share of the references that `answer` contains, whatever their case; with `any_answer` 1 where it has one.
double score_of(std::string_view answer, std::span<const std::string> references, bool any_answer);

}  // namespace gemring

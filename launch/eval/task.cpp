#include "launch/eval/task.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// Of ASCII letters; what stands for others is compared as it is.
std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace

std::string_view name(TaskCategory category) {
  constexpr std::array<std::string_view, 4> kNames = {"retrieval", "tracking", "aggregation", "question"};
  return kNames.at(static_cast<std::size_t>(category));
}

Hay::Hay(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  for (std::size_t begin = text.find_first_not_of(kBlank); begin != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlank, begin), text.size());
    words_.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBlank, end);
  }
  GEMRING_CHECK(!words_.empty(), "hay without words");
}

std::vector<EvalTask> ruler_tasks(const Hay& hay) {
  std::vector<EvalTask> tasks = needle_tasks(hay);
  tasks.push_back(variable_tracking());
  tasks.push_back(common_words());
  tasks.push_back(frequent_words());
  return tasks;
}

double score_of(std::string_view answer, std::span<const std::string> references, bool any_answer) {
  const std::string text = lower_case(answer);
  const auto found = std::count_if(references.begin(), references.end(), [&](const std::string& reference) {
    return text.find(lower_case(reference)) != std::string::npos;
  });
  if (any_answer) return found > 0 ? 1 : 0;
  return references.empty() ? 0 : static_cast<double>(found) / static_cast<double>(references.size());
}

}  // namespace gemring

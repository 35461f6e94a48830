// Results of cases that never ran, and words for what is looked for in texts.
#pragma once

#include <string>
#include <vector>

#include "launch/eval/case_result.h"

namespace gemring::test {

inline CaseResult case_result(const std::string& task, std::int32_t length, double depth, const std::string& method,
                              double score) {
  CaseResult result;
  result.id = task + "/" + std::to_string(length) + "/" + std::to_string(static_cast<int>(depth)) + "/0";
  result.method = method;
  result.task = task;
  result.category = task == "fwe" ? TaskCategory::aggregation : TaskCategory::retrieval;
  result.length = length;
  if (task != "fwe") result.depth = depth;
  result.seed = 9007199254740991;  // 2^53 - 1
  result.prompt_tokens = length - 10;
  result.kept = method == "full" ? length - 10 : 512;
  result.recall = method == "full" ? 1 : score / 2;
  result.score = score;
  result.answer = "The <b>\"number\"</b>\nis & 7.";
  result.references = {"7", "acht"};
  result.first_token_seconds = method == "full" ? 4 : 1.5;
  result.filter_seconds = method == "full" ? 0 : 1;
  result.seconds = 5;
  return result;
}

inline std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace gemring::test

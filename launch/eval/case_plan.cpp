#include "launch/eval/case_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "launch/options/option_value.h"

namespace gemring {
namespace {

constexpr std::int32_t kSamples = 3;
constexpr int kExactBits = 53;  // of a number in JSON

/// One of RULER's 40 depths, a share in whole percent.
double drawn_depth(std::uint64_t seed) {
  constexpr std::uint64_t kDepths = 40;
  const std::uint64_t percent = (splitmix64(seed) % kDepths * 200 + kDepths - 1) / (2 * (kDepths - 1));
  return static_cast<double>(percent) / 100;
}

PlannedCase planned(const EvalOptions& options, const EvalTask& task, std::int32_t length,
                    std::optional<double> percent, std::int32_t sample) {
  PlannedCase one;
  const std::string depth = !task.has_depth ? "-" : percent ? fmt::format("{}", *percent) : "drawn";
  one.id = fmt::format("{}/{}/{}/{}", task.name, length, depth, sample);
  one.task = &task;
  one.shape.length = length;
  one.shape.sample = sample;
  one.shape.seed = splitmix64(fnv1a(options.seed, fnv1a(one.id))) >> (64 - kExactBits);
  if (task.has_depth) one.shape.depth = percent ? *percent / 100 : drawn_depth(one.shape.seed);
  one.max_new_tokens = options.max_new_tokens.value_or(task.max_new_tokens);
  return one;
}

}  // namespace

std::vector<EvalTask> chosen_tasks(const EvalOptions& options, const std::vector<EvalTask>& all) {
  if (options.suite == EvalSuite::qa || (options.suite == EvalSuite::ruler && !options.tasks)) return all;
  const std::string list = options.tasks.value_or("niah_single_2");
  std::vector<EvalTask> chosen;
  for (const std::string& name : split_list(list)) {
    const auto named = [&](const EvalTask& task) { return task.name == name; };
    const auto found = std::find_if(all.begin(), all.end(), named);
    if (found == all.end() || std::any_of(chosen.begin(), chosen.end(), named)) {
      std::string names;
      for (const EvalTask& task : all) names += (names.empty() ? "" : ", ") + task.name;
      throw UsageError({"--tasks", fmt::format("'{}' {}", name, found == all.end() ? "is no task" : "is named twice"),
                        fmt::format("tasks of this suite are {}", names)});
    }
    chosen.push_back(*found);
  }
  return chosen;
}

std::vector<PlannedCase> plan_cases(const EvalOptions& options, const std::vector<EvalTask>& tasks,
                                    std::int32_t questions) {
  const bool qa = options.suite == EvalSuite::qa;
  std::vector<std::optional<double>> depths = {std::nullopt};
  if (options.suite == EvalSuite::niah) {
    depths.clear();
    for (const double depth : parse_depths(options.depths)) depths.emplace_back(depth);
  }
  std::int32_t samples = options.samples.value_or(qa ? questions : kSamples);
  if (qa) samples = std::min(samples, questions);
  std::vector<PlannedCase> cases;
  for (const std::int32_t length : parse_lengths(options.lengths)) {
    for (const EvalTask& task : tasks) {
      for (const std::optional<double>& depth : depths) {
        for (std::int32_t i = 0; i < samples; ++i) cases.push_back(planned(options, task, length, depth, i));
      }
    }
  }
  return cases;
}

}  // namespace gemring

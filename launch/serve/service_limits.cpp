#include "launch/serve/service_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "distributed/plan/cost.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/log.h"
#include "launch/prompts/filter_choice.h"

namespace gemring {
namespace {

constexpr std::int32_t kUsualKeep = 4096;  // what default_keep() keeps at most
constexpr std::int32_t kUsualNewTokens = 4096;
constexpr std::int32_t kLongestPrompt = 1 << 20;  // where the filter could read more

std::string count(std::int32_t tokens) {
  return grouped(static_cast<std::uint64_t>(tokens));
}

void check_memory_for(const ServiceLimits& limits, const PlannedSession& planned) {
  PlanInputs inputs = planned.inputs;
  inputs.prompt_tokens = limits.prompt_tokens;
  inputs.keep = limits.keep;
  inputs.max_new_tokens = limits.new_tokens;
  check_memory(rank_costs(planned.plan, inputs), inputs, planned.memory);
}

bool has_memory_for(const ServiceLimits& limits, const PlannedSession& planned) {
  try {
    check_memory_for(limits, planned);
    return true;
  } catch (const ResourceError&) {
    return false;
  }
}

}  // namespace

ServiceLimits service_limits(const Options& options, const RunModels& models, const PlannedSession& planned,
                             std::int32_t parallel) {
  const ServeOptions& wanted = options.serve;
  const std::int32_t positions = options.run.allow_extrapolation ? kLongestPrompt : models.answer.config.max_positions;
  ServiceLimits limits{.parallel = parallel, .queue = wanted.queue};
  limits.new_tokens = wanted.max_new_tokens.value_or(std::clamp(positions / 4, 1, kUsualNewTokens));
  limits.keep = wanted.max_keep.value_or(std::clamp(positions - limits.new_tokens, 1, kUsualKeep));
  if (std::int64_t{limits.keep} + limits.new_tokens > positions) {
    throw ConfigError({"--max-keep, --max-new-tokens",
                       fmt::format("{} kept tokens and {} new ones are more than the model's {} positions",
                                   count(limits.keep), count(limits.new_tokens), count(positions)),
                       "lower one of them, or give --allow-extrapolation"});
  }
  const std::int32_t readable =
      options.run.allow_extrapolation ? kLongestPrompt : filter_positions(models.filter.config, planned.filter);
  if (wanted.max_prompt && *wanted.max_prompt > readable) {
    throw ConfigError(
        {"--max-prompt",
         fmt::format("{} tokens are more than the filter's {} positions", count(*wanted.max_prompt), count(readable)),
         "lower it, take a windowed filter profile, or give --allow-extrapolation"});
  }
  limits.prompt_tokens = wanted.max_prompt.value_or(std::max(std::min(readable, kLongestPrompt), limits.keep));
  while (!wanted.max_prompt && limits.prompt_tokens / 2 > limits.keep && !has_memory_for(limits, planned)) {
    limits.prompt_tokens /= 2;
  }
  check_memory_for(limits, planned);
  log_info("prompts of up to {} tokens, {} of them kept, {} new ones; {} answers at a time, {} more wait",
           count(limits.prompt_tokens), count(limits.keep), count(limits.new_tokens), limits.parallel, limits.queue);
  return limits;
}

}  // namespace gemring

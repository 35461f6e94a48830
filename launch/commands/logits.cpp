#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "distributed/comm/control.h"
#include "engine/base/error.h"
#include "engine/base/output_file.h"
#include "engine/weights/safetensors/safetensors_writer.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/model.h"
#include "launch/prompts/prompt.h"
#include "launch/start/start_up.h"

namespace gemring {
namespace {

void check_rows(std::int32_t rows, std::size_t tokens) {
  if (static_cast<std::size_t>(rows) <= tokens) return;
  throw UsageError({"--last", fmt::format("asks for {} positions of a prompt of {}", rows, tokens),
                    "lower it or lengthen the prompt"});
}

/// logits: of the last `rows` of `tokens` positions. `layout`: of the ranks, in one line.
void check_finite(std::span<const float> logits, std::int32_t rows, std::int32_t tokens, const std::string& layout) {
  const auto bad = std::find_if(logits.begin(), logits.end(), [](float logit) { return !std::isfinite(logit); });
  if (bad == logits.end()) return;
  const std::size_t vocab = logits.size() / static_cast<std::size_t>(rows);
  const auto at = static_cast<std::size_t>(bad - logits.begin());
  throw Error(ExitCode::internal, {"logits",
                                   fmt::format("that of id {} at position {} is {} ({})", at % vocab,
                                               static_cast<std::size_t>(tokens - rows) + at / vocab, *bad, layout),
                                   kOverflowAdvice});
}

/// The layout in one line.
std::string in_one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ';');
  return text;
}

}  // namespace

int run_logits(const Job& job, const Options& options) {
  const std::string& file = options.logits.output_file;
  agreed_on_first(job, [&] {
    require_writable(file, "--output");
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
  });
  prepare_compute(job, options.run);
  set_log_phase("load");
  const OpenModel model = open_model(job, options);
  std::vector<TokenId> prompt;
  agreed_on_first(job, [&] {
    prompt = load_prompt(options.prompt, nullptr, nullptr, model.config).ids;
    FilterOptions full;
    full.method = Method::full;
    check_length(static_cast<std::int32_t>(prompt.size()), full, {}, 0, model.config.max_positions,
                 options.run.allow_extrapolation);
    check_rows(options.logits.last, prompt.size());
  });
  std::int32_t tokens = static_cast<std::int32_t>(prompt.size());
  broadcast_control(job.world, tokens, 0);

  Workload workload = workload_of(Method::full, gemfilter_profile(LayerIndex(0)), tokens, {}, 0);
  workload.logit_rows = options.logits.last;
  const PlannedSession planned = plan_session(job, options.run, model, workload);
  const auto session = open_session(job, model, planned);
  TraceFile trace(job, options.output.trace_file);
  trace.start();
  const std::vector<float> logits = session->logits(prompt, options.logits.last);

  set_log_phase("report");
  agreed_on_first(job, [&] {
    check_finite(logits, options.logits.last, tokens, in_one_line(planned.plan.describe()));
    SafetensorsWriter writer(file, {{"logits", {options.logits.last, model.config.vocab}}});
    writer.append(logits);
    writer.finish();
    log_info("logits of the last {} of {} positions are in {}", options.logits.last, tokens, file);
  });
  trace.write();
  return 0;
}

}  // namespace gemring

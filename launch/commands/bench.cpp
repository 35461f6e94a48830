#include <fmt/format.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "launch/commands/commands.h"
#include "launch/model.h"
#include "launch/output_file.h"
#include "launch/prompt.h"
#include "launch/report.h"
#include "launch/start_up.h"
#include "launch/text_output.h"
#include "launch/workload.h"

namespace gemring {
namespace {

const char* name(Benchmark benchmark) {
  switch (benchmark) {
    case Benchmark::prefill:
      return "prefill";
    case Benchmark::decode:
      return "decode";
    case Benchmark::gemfilter:
      return "gemfilter";
    case Benchmark::limits:
      return "limits";
  }
  return "?";
}

/// Pseudo-random ids of the whole vocabulary: the time of a pass does not depend on the words.
std::vector<TokenId> random_prompt(std::int32_t tokens, std::int32_t vocab, std::uint64_t seed) {
  std::vector<TokenId> ids;
  ids.reserve(static_cast<std::size_t>(tokens));
  for (std::int32_t i = 0; i < tokens; ++i) {
    ids.emplace_back(static_cast<std::int32_t>(keyed_uniform(seed, GlobalPosition(i)) * vocab));
  }
  return ids;
}

/// What one run of the benchmark does; the command line's --method and --max-new-tokens do not count here.
GenerationRequest request_of(const Options& options, LayerIndex filter_layer, const ResolvedSelection& selection) {
  GenerationRequest request;
  request.filter_layer = filter_layer;
  request.selection = selection;
  const bool decode = options.bench.benchmark == Benchmark::decode;
  request.stop = {{}, decode ? options.bench.decode_tokens + 1 : 1, /*ignore_end_tokens=*/true};
  return request;
}

double seconds_of(const GenerationResult& result, const BenchOptions& bench) {
  if (bench.benchmark != Benchmark::decode) return result.time_to_first_token_seconds;
  return bench.decode_tokens / result.decode_tokens_per_second;
}

Options with_method(Options options) {
  const bool filtered = options.bench.benchmark == Benchmark::gemfilter;
  options.filter.method = filtered ? Method::gemfilter : Method::full;
  return options;
}

BenchResult measure(const Job& job, const BenchOptions& bench, Session& session, const GenerationRequest& request) {
  BenchResult measured;
  measured.benchmark = name(bench.benchmark);
  measured.tokens = bench.tokens;
  measured.counted_tokens = bench.benchmark == Benchmark::decode ? bench.decode_tokens : bench.tokens;
  for (std::int32_t run = 0; run < bench.warmup + bench.repetitions; ++run) {
    const GenerationResult result = session.generate(request);
    if (!job.first()) continue;
    const double seconds = seconds_of(result, bench);
    log_info("{} {}: {:.3f} s", run < bench.warmup ? "warm-up" : "run", run + 1, seconds);
    if (run >= bench.warmup) measured.seconds.push_back(seconds);
    measured.ranks = result.ranks;
  }
  return measured;
}

std::string summary(const BenchResult& result) {
  return fmt::format("{}: {} tokens, {:.2f} tokens/s (median of {}: {:.3f} s), largest peak RSS {} MiB, {} rank{}\n",
                     result.benchmark, result.tokens, tokens_per_second(result), result.seconds.size(),
                     median(result.seconds), grouped(largest_peak_rss(result.ranks) >> 20), result.ranks.size(),
                     result.ranks.size() == 1 ? "" : "s");
}

}  // namespace

int run_bench(const Job& job, const Options& given) {
  if (given.bench.benchmark == Benchmark::limits) return run_bench_limits(job, given);
  const Options options = with_method(given);
  agreed_on_first(job, [&] {
    if (options.output.json_file) require_writable(*options.output.json_file, "--json");
  });
  prepare_compute(job, options.run);
  set_log_phase("load");
  const OpenModel model = open_model(job, options);
  const LayerIndex filter_layer = agree_on_filter_layer(job, options, model.config);
  const std::int32_t tokens = options.bench.tokens;
  ResolvedSelection selection;
  GenerationRequest request;
  agreed(job, [&] {
    if (options.filter.method == Method::gemfilter) selection = resolve(options.filter.selection, tokens, std::nullopt);
    request = request_of(options, filter_layer, selection);
    check_length(tokens, options.filter, selection, request.stop.max_new_tokens, model.config.max_positions,
                 options.run.allow_extrapolation);
  });

  Workload workload;
  workload.method = options.filter.method;
  workload.filter_layer = filter_layer;
  workload.prompt_tokens = tokens;
  workload.keep = selection.keep;
  workload.new_tokens = request.stop.max_new_tokens;
  workload.requests = options.bench.warmup + options.bench.repetitions;
  const auto session = start_session(job, options.run, model, workload);

  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  if (job.first()) {
    request.prompt = random_prompt(tokens, model.config.vocab, options.bench.seed);
    request.on_progress = [&](std::string_view phase, double done, double total) {
      progress.update(phase, done, total);
    };
  }
  const BenchResult result = measure(job, options.bench, *session, request);
  set_log_phase("report");
  agreed_on_first(job, [&] {
    progress.clear();
    write_result(summary(result));
    if (options.output.json_file) write_atomically(*options.output.json_file, bench_report(result));
  });
  return 0;
}

}  // namespace gemring

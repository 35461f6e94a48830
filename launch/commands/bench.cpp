#include <algorithm>
#include <utility>

#include "distributed/comm/control.h"
#include "engine/base/output_file.h"
#include "engine/base/process.h"
#include "engine/kernels/blas_info.h"
#include "launch/cluster/workload.h"
#include "launch/commands/commands.h"
#include "launch/measure/bench_report.h"
#include "launch/measure/bench_work.h"
#include "launch/measure/limits.h"
#include "launch/output/bench_output.h"
#include "launch/output/progress.h"
#include "launch/output/trace_file.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/model.h"
#include "launch/prompts/prompt.h"
#include "launch/start/start_up.h"
#include "launch/start/topology.h"

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
    case Benchmark::kernels:
      return "kernels";
  }
  return "?";
}

std::int32_t prompt_tokens(const BenchOptions& bench) {
  return bench.tokens.value_or(4096);
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
GenerationRequest request_of(const Options& options, const ResolvedSelection& selection) {
  GenerationRequest request;
  request.selection = selection;
  const bool decode = options.bench.benchmark == Benchmark::decode;
  request.stop = {{}, decode ? options.bench.decode_tokens + 1 : 1, /*ignore_end_tokens=*/true};
  return request;
}

double counted_seconds(const GenerationResult& result, const BenchOptions& bench) {
  if (bench.benchmark != Benchmark::decode) return result.time_to_first_token_seconds;
  return bench.decode_tokens / result.decode_tokens_per_second;
}

Options with_method(Options options) {
  const bool filtered = options.bench.benchmark == Benchmark::gemfilter;
  options.filter.method = filtered ? Method::gemfilter : Method::full;
  return options;
}

BenchResult measure_runs(const Job& job, const BenchOptions& bench, Session& session, const GenerationRequest& request,
                         TraceFile& trace) {
  BenchResult measured;
  measured.benchmark = name(bench.benchmark);
  measured.tokens = prompt_tokens(bench);
  measured.counted_tokens = bench.benchmark == Benchmark::decode ? bench.decode_tokens : measured.tokens;
  for (std::int32_t run = 0; run < bench.warmup + bench.repetitions; ++run) {
    if (run >= bench.warmup) trace.start();
    const GenerationResult result = session.generate(request);
    if (!job.first()) continue;
    const double seconds = counted_seconds(result, bench);
    log_info("{} {}: {:.3f} s", run < bench.warmup ? "warm-up" : "run", run + 1, seconds);
    measured.runs.push_back({run < bench.warmup, seconds, result.time_to_first_token_seconds, result.phases});
    measured.ranks = result.ranks;
  }
  return measured;
}

/// Before anything is loaded. Its memory does not count as the benchmark's; where the two cannot be told apart, the
/// limit after the repetitions is all there is.
double limit_before(Limit limit) {
  if (!reset_peak_rss()) return 0;
  const double rate = measure(limit);
  reset_peak_rss();
  return rate;
}

/// Which of the limits counts is told by how most weights are stored, and that only when they are loaded.
struct LimitsBefore {
  Limit of_rows;
  Limit of_blocks;
  double rows = 0;
  double blocks = 0;
};

LimitsBefore limits_before(bool decode) {
  LimitsBefore limits{.of_rows = decode ? Limit::memory_read : limit_of(active_compute().many),
                      .of_blocks = decode ? Limit::memory_read : limit_of(active_compute().many_blocks)};
  limits.rows = limit_before(limits.of_rows);
  limits.blocks = limits.of_blocks == limits.of_rows ? limits.rows : limit_before(limits.of_blocks);
  return limits;
}

/// Of all ranks that take part, measuring at the same time; each has its better one of before and now.
double limit_of_job(const Job& job, Limit limit, double before, const std::vector<RankCost>& costs) {
  const std::vector<double> rates = all_gather_control(job.world, std::max(before, measure(limit)));
  double sum = 0;
  for (std::size_t rank = 0; rank < rates.size(); ++rank) {
    const RankCost& cost = costs.at(rank);
    const bool takes_part =
        limit == Limit::memory_read ? cost.decode_flop_per_token > 0 : cost.filter_flop + cost.prefill_flop > 0;
    if (takes_part) sum += rates[rank];
  }
  return sum;
}

/// The checkpoint that most of the FLOP until the first token are spent on.
PlannedModel most_work(const PlanInputs& inputs, const std::vector<RankCost>& costs) {
  double filter = 0;
  double prefill = 0;
  for (const RankCost& cost : costs) {
    filter += cost.filter_flop;
    prefill += cost.prefill_flop;
  }
  return filter > prefill ? inputs.filtering() : inputs.answering();
}

/// Fills in what the result says of its work and of the limit that it is a share of.
void set_against_limit(const Job& job, const Options& options, const RunModels& models, const Workload& workload,
                       const LimitsBefore& before, BenchResult& result) {
  const bool decode = options.bench.benchmark == Benchmark::decode;
  const PlanInputs inputs = plan_inputs(options.run, models, workload, 1);
  const std::vector<RankCost> costs = rank_costs(
      agree_on_plan(job, options.run, workload.method, inputs.model.layer_count(), job.world.size()), inputs);
  result.weights = prevailing_type(most_work(inputs, costs).tensors);
  result.kv_type = inputs.kv_type;
  const bool in_blocks = is_block_type(result.weights);
  result.limiting = in_blocks ? before.of_blocks : before.of_rows;
  result.limit = limit_of_job(job, result.limiting, in_blocks ? before.blocks : before.rows, costs);
  result.compute =
      type_of_products(active_compute(), decode ? 1 : static_cast<std::size_t>(workload.prompt_tokens), result.weights);
  result.giga_work = 1e-9 * (decode ? decode_bytes(inputs.model, inputs.tensors, inputs.kv_type, workload.prompt_tokens,
                                                   options.bench.decode_tokens)
                                    : flop_to_first_token(costs));
}

struct MachineMessage {  // RankMachine without what every rank knows of the others
  std::string processor;
  std::vector<int> cores;
  bool pinned = false;
  std::string blas_core;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& processor& cores& pinned& blas_core;
  }
};

std::vector<RankMachine> machines_of_job(const Job& job, const Placement& placement) {
  const MachineMessage own = {Topology::of_this_machine().processor(), placement.cores, placement.pinned,
                              blas_core_name()};
  std::vector<RankMachine> machines;
  for (MachineMessage& rank : all_gather_control(job.world, own)) {
    const std::size_t number = machines.size();
    machines.push_back({RankId(static_cast<std::int32_t>(number)), job.hosts.at(number), std::move(rank.processor),
                        std::move(rank.cores), rank.pinned, std::move(rank.blas_core)});
  }
  return machines;
}

}  // namespace

int run_bench(const Job& job, const Options& given) {
  if (given.bench.benchmark == Benchmark::limits) return run_bench_limits(job, given);
  if (given.bench.benchmark == Benchmark::kernels) return run_bench_kernels(job, given);
  const Options options = with_method(given);
  BenchOutput output(options.output.json_file);
  agreed_on_first(job, [&] {
    output.require_writable();
    if (options.output.trace_file) require_writable(*options.output.trace_file, "--trace");
  });
  const Placement placement = prepare_compute(job, options.run);
  const LimitsBefore before = limits_before(options.bench.benchmark == Benchmark::decode);
  set_log_phase("load");
  const OpenModels opened = open_models(job, options);
  const RunModels models = opened.all();
  const FilterProfile filter = agree_on_filter(job, options, models.filter);
  const std::int32_t tokens = prompt_tokens(options.bench);
  ResolvedSelection selection;
  GenerationRequest request;
  agreed(job, [&] {
    if (options.filter.method == Method::gemfilter) selection = resolve(options.filter.selection, tokens, std::nullopt);
    request = request_of(options, selection);
    check_length(tokens, options.filter, selection, request.stop.max_new_tokens,
                 {models.answer.config.max_positions, filter_positions(models.filter.config, filter)},
                 options.run.allow_extrapolation);
  });

  Workload workload = workload_of(options.filter.method, filter, tokens, selection, request.stop.max_new_tokens);
  workload.requests = options.bench.warmup + options.bench.repetitions;
  const auto session = start_session(job, options.run, models, workload);

  ProgressLine progress(job.first() ? options.output.progress : ProgressMode::never);
  if (job.first()) {
    request.prompt =
        random_prompt(tokens, std::min(models.answer.config.vocab, models.filter.config.vocab), options.bench.seed);
    request.on_progress = [&](std::string_view phase, double done, double total) {
      progress.update(phase, done, total);
    };
  }
  TraceFile trace(job, options.output.trace_file);
  BenchResult result = measure_runs(job, options.bench, *session, request, trace);
  set_log_phase("report");
  set_against_limit(job, options, models, workload, before, result);
  result.message_type = options.run.message_type;
  result.kept_tokens = workload.method == Method::gemfilter ? std::min(selection.keep, tokens) : tokens;
  if (workload.method == Method::gemfilter) result.filter_layer = filter.filter_layer().value();
  if (!models.are_one()) result.filter_model = models.filter.name;
  if (options.bench.benchmark == Benchmark::decode) result.decode_tokens = options.bench.decode_tokens;
  result.machines = machines_of_job(job, placement);
  agreed_on_first(job, [&] {
    progress.clear();
    output.add(bench_table(result), bench_line(result));
    output.finish();
  });
  trace.write();
  return 0;
}

}  // namespace gemring

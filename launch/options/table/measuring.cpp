// Options of `logits`, `bench`, `plan` and `simulate` that no other command has.
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

using enum Command;

constexpr std::int32_t kMostRuns = 1'000'000;

Need of_benchmark(const std::vector<Benchmark>& benchmarks, const char* names) {
  return {.holds =
              [benchmarks](const Options& options) {
                for (const Benchmark benchmark : benchmarks) {
                  if (benchmark == options.bench.benchmark) return true;
                }
                return false;
              },
          .problem = fmt::format("means nothing but for bench {}", names),
          .advice = "leave it out",
          .on_command_line = Need::Otherwise::warning};
}

void add_logits_options(OptionTable& table) {
  table.push_back(
      {.name = "--last",
       .group = "Logits",
       .type = "N",
       .help = "rows: the last N positions of the prompt",
       .commands = {logits},
       .value = number([](auto& options) -> auto& { return options.logits.last; }, {.least = 1, .most = kMostTokens})});
  table.push_back({.name = "--output",
                   .group = "Logits",
                   .type = "FILE",
                   .help = "safetensors with the tensor `logits` [N, vocab], f32",
                   .commands = {logits},
                   .value = text([](auto& options) -> auto& { return options.logits.output_file; }),
                   .file = FileUse::output,
                   .required_by = {logits}});
}

void add_benchmark(OptionTable& table) {
  table.push_back(
      {.name = "benchmark",
       .group = "Benchmark",
       .help = "limits: what the machine itself can do; kernels: linear layers, attention and products of decode "
               "as a share of it (both without a model);\n"
               "prefill: --method full to the first token; decode: tokens after the first; gemfilter: filter "
               "and compressed prefill to the first token",
       .commands = {bench},
       .value = choice([](auto& options) -> auto& { return options.bench.benchmark; },
                       {{"limits", Benchmark::limits},
                        {"kernels", Benchmark::kernels},
                        {"prefill", Benchmark::prefill},
                        {"decode", Benchmark::decode},
                        {"gemfilter", Benchmark::gemfilter}}),
       .required_by = {bench}});
  table.push_back(
      {.name = "--kernels",
       .group = "Kernels",
       .help = "which of them; each in every type of products that the machine has, whatever --compute says",
       .commands = {bench},
       .value = choice([](auto& options) -> auto& { return options.bench.kernels; },
                       {{"all", KernelKind::all},
                        {"linear", KernelKind::linear},
                        {"attention", KernelKind::attention},
                        {"decode", KernelKind::decode}}),
       .needs = {of_benchmark({Benchmark::kernels}, "kernels")}});
  table.push_back({.name = "--linear-tokens",
                   .group = "Kernels",
                   .type = "N",
                   .help = "rows of the activations of linear layers",
                   .commands = {bench},
                   .value = number([](auto& options) -> auto& { return options.bench.linear_tokens; },
                                   {.least = 1, .most = kMostTokens}),
                   .needs = {of_benchmark({Benchmark::kernels}, "kernels")}});
}

}  // namespace

Need measures_a_model() {
  return {.holds =
              [](const Options& options) {
                return options.bench.benchmark != Benchmark::limits && options.bench.benchmark != Benchmark::kernels;
              },
          .problem = "means nothing for bench limits and kernels",
          .advice = "leave it out: they measure the machine, not a model",
          .commands = {bench}};
}

Need is_no_probe() {
  return {.holds = [](const Options& options) { return !options.plan.probe; },
          .problem = "means nothing with --probe",
          .advice = "leave it out: a probe measures the ranks of this job, and plans nothing",
          .commands = {plan}};
}

void add_bench_options(OptionTable& table) {
  add_logits_options(table);
  add_benchmark(table);
  table.push_back(
      {.name = "--tokens",
       .group = "Benchmark",
       .type = "N",
       .help = "length of the prompt (pseudo-random ids), or of kernels' attention. Unset: 4096, of attention 16384",
       .commands = {bench},
       .value =
           number([](auto& options) -> auto& { return options.bench.tokens; }, {.least = 1, .most = kMostTokens})});
  table.push_back({.name = "--max-new-tokens",
                   .aliases = {"-n", "--n-predict", "--predict"},
                   .group = "Benchmark",
                   .type = "TOKENS",
                   .help = "measured steps of `bench decode`",
                   .commands = {bench},
                   .value = number([](auto& options) -> auto& { return options.bench.decode_tokens; },
                                   {.least = 1, .most = kMostTokens - 1}),
                   .needs = {of_benchmark({Benchmark::decode}, "decode")}});
  table.push_back({.name = "--repetitions",
                   .group = "Benchmark",
                   .type = "N",
                   .help = "measured runs; the median counts",
                   .commands = {bench},
                   .value = number([](auto& options) -> auto& { return options.bench.repetitions; },
                                   {.least = 1, .most = kMostRuns})});
  table.push_back(
      {.name = "--warmup",
       .group = "Benchmark",
       .type = "N",
       .help = "runs before them",
       .commands = {bench},
       .value = number([](auto& options) -> auto& { return options.bench.warmup; }, {.least = 0, .most = kMostRuns})});
  table.push_back({.name = "--seed",
                   .aliases = {"-s"},
                   .group = "Benchmark",
                   .type = "N",
                   .help = "of the prompt. -1: draw one and say which",
                   .commands = {bench},
                   .value = seed(
                       [](auto& options) -> auto& { return options.bench.seed; },
                       [](auto& options) -> auto& { return options.bench.draw_seed; })});
}

namespace {

void add_probe_options(OptionTable& table) {
  table.push_back(
      {.name = "--probe",
       .group = "Probe",
       .help = "measure every rank of this job, in less than ten seconds, and write a cluster file with what they do:\n"
               "layers of the model's shape, or, without a model, of 2048 wide ones in bf16 and q8_0; memory; links",
       .commands = {plan},
       .value = flag([](auto& options) -> auto& { return options.plan.probe; })});
  table.push_back(
      {.name = "--output",
       .group = "Probe",
       .type = "FILE",
       .help = "the cluster file that --probe writes; --cluster's groups go into it. Unset: standard output",
       .commands = {plan},
       .value = text([](auto& options) -> auto& { return options.plan.output_file; }),
       .file = FileUse::output,
       .needs = {{.holds = [](const Options& options) { return options.plan.probe; },
                  .problem = "names the cluster file of a probe",
                  .advice = "add --probe, or leave it out"}}});
}

}  // namespace

void add_planning_options(OptionTable& table) {
  table.push_back({.name = "--ranks",
                   .group = "Ranks",
                   .type = "N",
                   .help = "plan for N ranks without starting them. Unset: this job's",
                   .commands = {plan},
                   .value = number([](auto& options) -> auto& { return options.plan.ranks; },
                                   {.least = 1, .most = kMostSimulatedRanks}),
                   .needs = {is_no_probe()}});
  table.push_back(
      {.name = "--ranks",
       .group = "Scaling",
       .type = "A..B",
       .help = "numbers of ranks: A, the powers of two up to B, and B. Hosts beyond the cluster file's are like "
               "these",
       .commands = {simulate},
       .value = text([](auto& options) -> auto& { return options.simulate.ranks; })});
  table.push_back({.name = "--scaling",
                   .group = "Scaling",
                   .help = "strong: the same prompt on more ranks; weak: a prompt as many times as long",
                   .commands = {simulate},
                   .value = choice([](auto& options) -> auto& { return options.simulate.scaling; },
                                   {{"both", Scaling::both}, {"strong", Scaling::strong}, {"weak", Scaling::weak}})});
  table.push_back({.name = "--ranks-per-host",
                   .group = "Ranks",
                   .type = "N",
                   .help = "fill the cluster file's hosts in order with N ranks each. Unset: as the file says",
                   .commands = {plan, simulate},
                   .value = number([](auto& options) -> auto& { return options.plan.ranks_per_host; },
                                   {.least = 1, .most = kMostSimulatedRanks}),
                   .needs = {is_no_probe()}});
  table.push_back({.name = "--hidden",
                   .group = "Ranks",
                   .type = "SHARE",
                   .help =
                       "of a message that proceeds while its ranks compute, 0 to 1: what seconds are counted with (0 "
                       "with --overlap off)",
                   .commands = {plan, simulate},
                   .value = number([](auto& options) -> auto& { return options.plan.hidden; },
                                   {.least = 0, .most = 1, .complaint = "is no share"})});
  table.push_back(
      {.name = "--memory",
       .group = "Ranks",
       .type = "GIB",
       .help = "memory of each rank. Unset: what its machine has (with --ranks: the cluster file's, else this machine, "
               "for each rank)",
       .commands = {plan},
       .value = number([](auto& options) -> auto& { return options.plan.memory_gib; },
                       {.least = 0, .most = kMostGib, .above_least = true, .complaint = "GiB is no memory"}),
       .needs = {is_no_probe()}});
  table.push_back(
      {.name = "--tokens",
       .group = "Generation",
       .type = "N",
       .help = "length of the prompt to plan for. Unset: the model's limit, at most 16384",
       .commands = {plan, simulate, launch},
       .value = number([](auto& options) -> auto& { return options.plan.tokens; }, {.least = 1, .most = kMostTokens}),
       .needs = {is_no_probe()}});
  add_probe_options(table);
}

}  // namespace gemring

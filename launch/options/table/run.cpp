// How the passes run, and what comes out besides the answer.
#include <limits>

#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

using enum Command;

const std::vector<Command> kComputing = {generate, logits, bench, calibrate, eval, index, ask, chat, launch};
const std::vector<Command> kPlanned = {generate, logits, plan, simulate, bench, calibrate,
                                       eval,     index,  ask,  chat,     serve, launch};
const std::vector<Command> kAll = {generate, logits, plan, simulate, inspect, bench,    calibrate,  eval,
                                   index,    ask,    chat, serve,    render,  tokenize, detokenize, launch};

void add_rank_options(OptionTable& table) {
  const OptionValue cluster = text([](auto& options) -> auto& { return options.run.cluster_file; });
  table.push_back({.name = "--cluster",
                   .group = "Ranks",
                   .type = "FILE",
                   .help = "who filters and who owns which layers (cluster-configs/*.json).\n"
                           "Unset: rank 0 filters, the others share the layers",
                   .commands = {generate, logits, plan, bench, eval, index, ask, chat, serve, launch},
                   .value = cluster,
                   .file = FileUse::input});
  table.push_back({.name = "--cluster",
                   .group = "Ranks",
                   .type = "FILE",
                   .help =
                       "machines that were measured (gemring plan --probe --output FILE writes it), and who filters\n"
                       "and who owns which layers. Without groups: rank 0 filters, the others share the layers",
                   .commands = {simulate},
                   .value = cluster,
                   .file = FileUse::input,
                   .required_by = {simulate}});
  table.push_back(
      {.name = "--ring",
       .group = "Ranks",
       .help =
           "how ranks that share a sequence meet: keys travel (pass-kv, all-gather) or queries (pass-q, token-ring).\n"
           "auto: what costs least, by bytes and links, for each chunk; answers are the same, up to ties closer than "
           "rounding",
       .commands = kPlanned,
       .value = choice([](auto& options) -> auto& { return options.run.ring; },
                       {{"auto", std::nullopt},
                        {"pass-kv", RingVariant::pass_kv},
                        {"pass-q", RingVariant::pass_q},
                        {"token-ring", RingVariant::token_ring},
                        {"all-gather", RingVariant::all_gather}})});
  table.push_back(
      {.name = "--overlap",
       .group = "Ranks",
       .help = "messages move while ranks compute; off: only while they wait",
       .commands = kPlanned,
       .value = choice([](auto& options) -> auto& { return options.run.overlap; }, {{"on", true}, {"off", false}})});
}

void add_number_options(OptionTable& table) {
  table.push_back({.name = "--weights",
                   .group = "Ranks",
                   .help = "convert the model's matrices to this type as they are loaded (random ones: stored is bf16)",
                   .commands = kPlanned,
                   .value = choice([](auto& options) -> auto& { return options.run.weights; },
                                   {{"stored", std::nullopt},
                                    {"f32", DataType::f32},
                                    {"bf16", DataType::bf16},
                                    {"q8_0", DataType::q8_0},
                                    {"q4_0", DataType::q4_0},
                                    {"q4_k", DataType::q4_k}}),
                   .needs = {{.holds =
                                  [](const Options& options) {
                                    return options.run.weights != DataType::q4_k || options.bench.random_weights;
                                  },
                              .problem = "q4_k is for --random-weights only: nothing converts to it",
                              .advice = "convert to q8_0 or q4_0, or give a GGUF file whose weights are q4_k"}}});
  table.push_back(
      {.name = "--compute",
       .group = "Ranks",
       .help =
           "type of activations in matrix products. auto: what the machine does fastest; f32: exact;\n"
           "bf16: rounded to it in products of many tokens; int8: rounded to 8 bits in those with weights in blocks",
       .commands = kPlanned,
       .value = choice([](auto& options) -> auto& { return options.run.compute; },
                       {{"auto", std::nullopt},
                        {"f32", ComputeType::f32},
                        {"bf16", ComputeType::bf16},
                        {"int8", ComputeType::int8}})});
  table.push_back(
      {.name = "--kv-type",
       .group = "Ranks",
       .help = "KV cache; bf16 halves it and rounds keys and values. auto: f32 with --compute f32, else bf16",
       .commands = kPlanned,
       .value = choice([](auto& options) -> auto& { return options.run.kv_type; },
                       {{"auto", std::nullopt}, {"f32", DataType::f32}, {"bf16", DataType::bf16}})});
  table.push_back(
      {.name = "--message-type",
       .group = "Ranks",
       .help =
           "what travels between ranks (keys and values of a bf16 cache do so as they are); bf16 and int8 are a half\n"
           "and a quarter, but answers then depend on how many ranks there are",
       .commands = kPlanned,
       .value = choice([](auto& options) -> auto& { return options.run.message_type; },
                       {{"f32", DataType::f32}, {"bf16", DataType::bf16}, {"int8", DataType::q8_0}})});
  table.push_back({.name = "--allow-extrapolation",
                   .group = "Ranks",
                   .help = "read prompts beyond the positions that the model was made for; answers may be nonsense",
                   .commands = kPlanned,
                   .value = flag([](auto& options) -> auto& { return options.run.allow_extrapolation; })});
}

}  // namespace

void add_run_options(OptionTable& table) {
  add_rank_options(table);
  add_number_options(table);
  table.push_back({.name = "--threads",
                   .aliases = {"-t"},
                   .group = "Ranks",
                   .type = "N",
                   .help = "of each rank. Unset: the node's cores shared among its ranks",
                   .commands = kPlanned,
                   .value = number([](auto& options) -> auto& { return options.run.threads; },
                                   {.least = 1, .most = kMostThreads})});
  table.push_back(
      {.name = "--stall-timeout",
       .group = "Ranks",
       .type = "SECONDS",
       .help = "a rank that makes no progress for so long is named, and the job ends with exit code 6; 0: never",
       .commands = {generate, logits, bench, calibrate, eval, index, ask, chat, serve, launch},
       .value = number([](auto& options) -> auto& { return options.run.stall_timeout; },
                       {.least = 0, .most = 31'536'000})});  // a year
}

void add_output_options(OptionTable& table) {
  const OptionValue json = text([](auto& options) -> auto& { return options.output.json_file; });
  table.push_back({.name = "--json",
                   .group = "Output",
                   .type = "FILE",
                   .help = "write the full report there as JSON",
                   .commands = {generate, ask, launch},
                   .value = json,
                   .file = FileUse::output});
  table.push_back(
      {.name = "--json",
       .group = "Output",
       .type = "[FILE]",
       .help =
           "write one JSON object a line (proto/) there; without FILE, or with -, to standard output instead of the "
           "table",
       .commands = {plan, simulate, bench, inspect},
       .value = json,
       .file = FileUse::output,
       .needs = {is_no_probe()},
       .value_may_be_left_out = true});
  table.push_back({.name = "--trace",
                   .group = "Output",
                   .type = "FILE",
                   .help = "write there what every rank did when, for chrome://tracing or ui.perfetto.dev",
                   .commands = kComputing,
                   .value = text([](auto& options) -> auto& { return options.output.trace_file; }),
                   .file = FileUse::output,
                   .needs = {measures_a_model()}});
  table.push_back(
      {.name = "--progress",
       .group = "Output",
       .help = "progress on standard error; auto: where that is a terminal",
       .commands = kComputing,
       .value = choice(
           [](auto& options) -> auto& { return options.output.progress; },
           {{"auto", ProgressMode::automatic}, {"always", ProgressMode::always}, {"never", ProgressMode::never}})});
  table.push_back({.name = "--log-level",
                   .group = "Output",
                   .help = "of rank 0; the other ranks log warnings and errors",
                   .commands = kAll,
                   .value = choice([](auto& options) -> auto& { return options.output.log.level; },
                                   {{"debug", LogLevel::debug},
                                    {"info", LogLevel::info},
                                    {"warn", LogLevel::warn},
                                    {"error", LogLevel::error},
                                    {"off", LogLevel::off}}),
                   .one_of = kOneOfLogLevels});
  table.push_back({.name = "--verbose",
                   .aliases = {"-v"},
                   .group = "Output",
                   .help = "as --log-level info: what is loaded, planned and done. The last of the two counts",
                   .commands = kAll,
                   .value = flag([](auto& options) -> auto& { return options.output.verbose; }),
                   .one_of = kOneOfLogLevels});
  table.push_back({.name = "--log-format",
                   .group = "Output",
                   .help = "json: one object a line",
                   .commands = kAll,
                   .value = choice([](auto& options) -> auto& { return options.output.log.format; },
                                   {{"text", LogFormat::text}, {"json", LogFormat::json}})});
  table.push_back({.name = "--log-all-ranks",
                   .group = "Output",
                   .help = "the other ranks log as much as rank 0",
                   .commands = kAll,
                   .value = flag([](auto& options) -> auto& { return options.output.log_all_ranks; })});
}

void add_derived_values(OptionTable& table) {
  const auto add = [&table](const char* name, OptionValue value) {
    table.push_back({.name = name, .commands = kAll, .value = std::move(value), .derived = true});
  };
  add("GEMRING_ISA", text([](auto& options) -> auto& { return options.run.isa; }));
  add("OMP_NUM_THREADS", number([](auto& options) -> auto& { return options.run.omp_threads; },
                                {.least = 1, .most = std::numeric_limits<std::int32_t>::max()}));
  add("level of other ranks", choice([](auto& options) -> auto& { return options.output.log.other_ranks; },
                                     {{"debug", LogLevel::debug},
                                      {"info", LogLevel::info},
                                      {"warn", LogLevel::warn},
                                      {"error", LogLevel::error},
                                      {"off", LogLevel::off}}));
  add("words of generate", list([](auto& options) -> auto& { return options.job.generate_words; }));
}

}  // namespace gemring

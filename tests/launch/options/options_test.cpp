#include "launch/options/options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "launch/options/options_message.h"
#include "tests/launch/options/parsing.h"

namespace gemring {
namespace {

using test::parse;
using test::usage_problem;

/// A variable for the time of one test.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(Options, GenerateHasTheDocumentedDefaults) {
  const Options options = parse({"generate", "--model", "m"});
  EXPECT_EQ(options.model_directory, "m");
  EXPECT_EQ(options.generate.max_new_tokens, 256);
  EXPECT_FALSE(options.generate.ignore_eos);
  EXPECT_EQ(options.filter.method, Method::gemfilter);
  EXPECT_EQ(options.filter.selection.pool_width, std::nullopt);
  EXPECT_FALSE(options.filter.selection.keep_first.has_value());
  EXPECT_FALSE(options.filter.selection.keep.has_value());
  EXPECT_FALSE(options.filter.selection.keep_last.has_value());
  EXPECT_FALSE(options.filter.filter_layer.has_value());
  EXPECT_EQ(options.run.compute, std::nullopt);
  EXPECT_EQ(options.run.kv_type, std::nullopt);
  EXPECT_EQ(options.run.message_type, DataType::f32);
  EXPECT_EQ(options.output.progress, ProgressMode::automatic);
  EXPECT_EQ(options.generate.sampling.temperature, 0.0f);
}

TEST(Options, PromptAndFilterAreRead) {
  const Options options =
      parse({"generate",       "--model=m", "--prompt",    "p q",  "--question", "why?", "--method",     "full",
             "--filter-layer", "3",         "--keep",      "100",  "--pool",     "7",    "--keep-first", "0",
             "--keep-last",    "9",         "--selection", "paper"});
  EXPECT_EQ(options.prompt.text, "p q");
  EXPECT_EQ(options.prompt.question, "why?");
  EXPECT_EQ(options.filter.method, Method::full);
  EXPECT_EQ(options.filter.filter_layer, 3);
  EXPECT_EQ(options.filter.selection.keep, 100);
  EXPECT_EQ(options.filter.selection.pool_width, 7);
  EXPECT_EQ(options.filter.selection.keep_first, 0);
  EXPECT_EQ(options.filter.selection.keep_last, 9);
  EXPECT_EQ(options.filter.selection.policy, SelectionPolicy::paper);
}

TEST(Options, AFilterModelGoesWithWhatFiltersOnly) {
  const auto parsed = [](std::vector<std::string> words) {
    words.insert(words.end(), {"--model", "m", "--filter-model", "f"});
    return parse(words).filter.model;
  };
  EXPECT_EQ(parsed({"generate", "--filter-layer", "3"}), "f");
  EXPECT_EQ(parsed({"plan"}), "f");
  EXPECT_EQ(parsed({"bench", "gemfilter"}), "f");
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--filter-model", "f", "--method", "full"}),
            "--filter-model: goes with no --method full: nothing filters there");
  EXPECT_EQ(usage_problem({"bench", "decode", "--model", "m", "--filter-model", "f"}),
            "--filter-model: is for bench gemfilter: no other benchmark filters");
  EXPECT_TRUE(usage_problem({"inspect", "--model", "m", "--filter-model", "f"}).find("--filter-model") !=
              std::string::npos);
}

TEST(Options, GenerationIsRead) {
  const Options options = parse({"generate", "--model=m", "--max-new-tokens", "5", "--ignore-eos", "--temperature",
                                 "0.5", "--top-k", "40", "--top-p", "0.9", "--seed", "12"});
  EXPECT_EQ(options.generate.max_new_tokens, 5);
  EXPECT_TRUE(options.generate.ignore_eos);
  EXPECT_EQ(options.generate.sampling.temperature, 0.5f);
  EXPECT_EQ(options.generate.sampling.top_k, 40);
  EXPECT_EQ(options.generate.sampling.top_p, 0.9f);
  EXPECT_EQ(options.generate.sampling.seed, 12u);
}

TEST(Options, TheCacheIsExactWhereProductsAreToBe) {
  const auto type = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", "--model=m"});
    return cache_type(parse(more).run);
  };
  EXPECT_EQ(type({"--compute", "f32"}), DataType::f32);
  EXPECT_EQ(type({}), DataType::bf16);
  EXPECT_EQ(type({"--compute", "int8"}), DataType::bf16);
  EXPECT_EQ(type({"--compute", "f32", "--kv-type", "bf16"}), DataType::bf16);
  EXPECT_EQ(type({"--kv-type", "f32"}), DataType::f32);
}

TEST(Options, RanksAndOutputAreRead) {
  const Options options =
      parse({"generate",   "--model=m", "--cluster",   "c.json", "--kv-type",    "bf16",    "--message-type",
             "bf16",       "--threads", "2",           "--json", "r.json",       "--trace", "t.json",
             "--progress", "never",     "--log-level", "debug",  "--log-format", "json"});
  EXPECT_EQ(options.run.cluster_file, "c.json");
  EXPECT_EQ(parse({"generate", "--model=m", "--compute", "f32"}).run.compute, ComputeType::f32);
  EXPECT_EQ(parse({"generate", "--model=m", "--compute", "auto"}).run.compute, std::nullopt);
  EXPECT_EQ(parse({"generate", "--model=m", "--kv-type", "auto"}).run.kv_type, std::nullopt);
  EXPECT_EQ(parse({"generate", "--model=m", "--compute", "int8"}).run.compute, ComputeType::int8);
  EXPECT_EQ(options.run.kv_type, DataType::bf16);
  EXPECT_EQ(options.run.message_type, DataType::bf16);
  EXPECT_EQ(options.run.threads, 2);
  EXPECT_EQ(options.run.stall_timeout, 300);
  EXPECT_EQ(parse({"generate", "--model=m", "--stall-timeout", "0"}).run.stall_timeout, 0);
  EXPECT_EQ(options.output.json_file, "r.json");
  EXPECT_EQ(options.output.trace_file, "t.json");
  EXPECT_EQ(options.output.progress, ProgressMode::never);
  EXPECT_EQ(options.output.log.level, LogLevel::debug);
  EXPECT_EQ(options.output.log.format, LogFormat::json);
}

TEST(Options, TheEnvironmentReplacesADefault) {
  const Variable keep("GEMRING_KEEP", "77");
  const Variable eos("GEMRING_IGNORE_EOS", "true");
  const Options options = parse({"generate", "--model", "m"});
  EXPECT_EQ(options.filter.selection.keep, 77);
  EXPECT_TRUE(options.generate.ignore_eos);
}

TEST(Options, TheCommandLineWinsOverTheEnvironment) {
  const Variable keep("GEMRING_KEEP", "77");
  const Variable model("GEMRING_MODEL", "environment");
  const Options options = parse({"generate", "--model", "m", "--keep", "8"});
  EXPECT_EQ(options.filter.selection.keep, 8);
  EXPECT_EQ(options.model_directory, "m");
}

TEST(Options, APromptOnTheCommandLineWinsOverOneOfAnotherKindInTheEnvironment) {
  const Variable file("GEMRING_PROMPT_FILE", "environment.txt");
  const Options options = parse({"generate", "--model", "m", "--prompt=here"});
  EXPECT_EQ(options.prompt.text, "here");
  EXPECT_FALSE(options.prompt.file.has_value());
}

TEST(Options, AnEmptyPromptIsGivenAndNotReadFromStandardInput) {
  EXPECT_EQ(parse({"generate", "--model", "m", "--prompt", ""}).prompt.text, "");
}

TEST(Options, AVariableOfAnotherCommandDoesNotDisturb) {
  const Variable tokens("GEMRING_REPETITIONS", "no number");
  EXPECT_NO_THROW(parse({"generate", "--model", "m"}));
}

TEST(Options, ABadValueInTheEnvironmentIsAUsageError) {
  const Variable method("GEMRING_METHOD", "half");
  EXPECT_EQ(usage_problem({"generate", "--model", "m"}), "--method: 'half' is none of gemfilter|full");
}

TEST(Options, OmpNumThreadsIsAHintOnly) {
  const Variable threads("OMP_NUM_THREADS", "3,2");
  const Options options = parse({"generate", "--model", "m"});
  EXPECT_EQ(options.run.omp_threads, 3);
  EXPECT_FALSE(options.run.threads.has_value());
}

TEST(Options, NoCommandAndUnknownCommandsAreUsageErrors) {
  EXPECT_EQ(usage_problem({}), "command line: no command is given");
  EXPECT_EQ(usage_problem({"frobnicate"}), "command line: 'frobnicate' is no command");
}

TEST(Options, AnUnknownOptionIsNamed) {
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--kepe", "3"}),
            "command line: '--kepe' is no option of gemring generate");
}

TEST(Options, NumbersThatDoNotFitAreUsageErrors) {
  EXPECT_NE(usage_problem({"generate", "--model", "m", "--keep", "3000000000"}), "no error");
  EXPECT_NE(usage_problem({"generate", "--model", "m", "--keep", "3.5"}), "no error");
  EXPECT_NE(usage_problem({"generate", "--model", "m", "--threads", "many"}), "no error");
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--max-new-tokens", "0"}), "--max-new-tokens: 0 is too small");
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--threads", "-2"}), "--threads: -2 is too small");
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--stall-timeout", "-1"}), "--stall-timeout: -1 is too small");
  EXPECT_NE(usage_problem({"generate", "--model", "m", "--temperature", "-1"}), "no error");
}

TEST(Options, TwoPromptsAreAUsageError) {
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--prompt", "a", "--prompt-file", "b"}),
            "command line: more than one prompt is given");
}

TEST(Options, AQuestionDoesNotGoWithTokenIds) {
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--prompt-ids", "a.json", "--question", "b"}),
            "--prompt-ids: goes with no --question");
}

TEST(Options, AMissingModelIsAUsageError) {
  EXPECT_EQ(usage_problem({"generate"}), "--model: is not given");
}

TEST(Options, BenchWantsAModelOrRandomWeightsButNotBoth) {
  EXPECT_EQ(parse({"bench", "decode", "--random-weights", "c.json"}).bench.benchmark, Benchmark::decode);
  EXPECT_NE(usage_problem({"bench", "decode"}), "no error");
  EXPECT_NE(usage_problem({"bench", "decode", "--model", "m", "--random-weights", "c"}), "no error");
  EXPECT_NE(usage_problem({"bench", "--model", "m"}), "no error");
  EXPECT_EQ(parse({"bench", "limits", "--threads", "2"}).bench.benchmark, Benchmark::limits);
  EXPECT_EQ(usage_problem({"bench", "limits", "--model", "m"}), "--model: means nothing for bench limits and kernels");
  EXPECT_EQ(usage_problem({"bench", "limits", "--trace", "t"}), "--trace: means nothing for bench limits and kernels");
  EXPECT_EQ(usage_problem({"bench", "sleep", "--model", "m"}),
            "benchmark: 'sleep' is none of limits|kernels|prefill|decode|gemfilter");
  EXPECT_EQ(parse({"bench", "kernels"}).bench.benchmark, Benchmark::kernels);
  EXPECT_EQ(usage_problem({"bench", "kernels", "--random-weights", "c"}),
            "--random-weights: means nothing for bench limits and kernels");
}

TEST(Options, WeightsOfQ4KAreRandomOnes) {
  EXPECT_EQ(parse({"bench", "decode", "--random-weights", "c.json", "--weights", "q4_k"}).run.weights, DataType::q4_k);
  EXPECT_EQ(usage_problem({"generate", "--model", "m", "--weights", "q4_k"}),
            "--weights: q4_k is for --random-weights only: nothing converts to it");
}

TEST(Options, BenchHasTheDocumentedDefaults) {
  const BenchOptions bench = parse({"bench", "prefill", "--model", "m"}).bench;
  EXPECT_FALSE(parse({"bench", "prefill", "--model", "m"}).run.weights.has_value());
  EXPECT_EQ(bench.repetitions, 3);
  EXPECT_EQ(bench.warmup, 1);
  EXPECT_EQ(bench.decode_tokens, 32);
  EXPECT_FALSE(bench.tokens.has_value());
  EXPECT_EQ(bench.kernels, KernelKind::all);
  EXPECT_EQ(bench.linear_tokens, 512);
}

TEST(Options, BenchTakesKindsOfKernelsAndRefusesOthers) {
  EXPECT_EQ(parse({"bench", "kernels", "--kernels", "attention"}).bench.kernels, KernelKind::attention);
  EXPECT_EQ(usage_problem({"bench", "kernels", "--kernels", "sleep"}),
            "--kernels: 'sleep' is none of all|linear|attention|decode");
  EXPECT_EQ(usage_problem({"bench", "kernels", "--linear-tokens", "0"}), "--linear-tokens: 0 is too small");
  EXPECT_EQ(usage_problem({"bench", "kernels", "--tokens", "0"}), "--tokens: 0 is too small");
}

TEST(Options, TheJsonOfBenchNeedsNoFile) {
  EXPECT_FALSE(parse({"bench", "limits"}).output.json_file.has_value());
  EXPECT_EQ(parse({"bench", "limits", "--json"}).output.json_file, "");
  EXPECT_EQ(parse({"bench", "limits", "--json", "--threads", "2"}).output.json_file, "");
  EXPECT_EQ(parse({"bench", "limits", "--json", "-"}).output.json_file, "-");
  EXPECT_EQ(parse({"bench", "limits", "--json", "f"}).output.json_file, "f");
  EXPECT_NE(usage_problem({"generate", "--model", "m", "--prompt", "p", "--json"}), "no error");
}

TEST(Options, LogitsWantsIdsAndAFile) {
  const Options options = parse({"logits", "--model", "m", "--prompt-ids", "i.json", "--last", "7", "--output", "o"});
  EXPECT_EQ(options.logits.last, 7);
  EXPECT_EQ(options.logits.output_file, "o");
  EXPECT_EQ(usage_problem({"logits", "--model", "m", "--output", "o"}), "--prompt-ids: is not given");
  EXPECT_EQ(usage_problem({"logits", "--model", "m", "--prompt-ids", "i.json"}), "--output: is not given");
}

TEST(Options, HelpOfEveryCommandNamesItsOptions) {
  for (const char* command :
       {"generate", "logits", "plan", "simulate", "inspect", "bench", "render", "tokenize", "detokenize"}) {
    const ParsedCommandLine line = parse_command_line({command, "--help"});
    EXPECT_EQ(line.kind, ParsedCommandLine::Kind::text) << command;
    EXPECT_NE(line.text.find("--model PATH"), std::string::npos) << command;
  }
  EXPECT_NE(parse_command_line({"generate", "--help"}).text.find("--max-new-tokens TOKENS (256)"), std::string::npos);
  EXPECT_NE(parse_command_line({"--help"}).text.find("inspect"), std::string::npos);
  EXPECT_EQ(parse_command_line({"--version"}).kind, ParsedCommandLine::Kind::version);
}

TEST(Options, OtherRanksLogWarningsUnlessAskedForMore) {
  EXPECT_EQ(parse({"generate", "--model", "m"}).output.log.other_ranks, LogLevel::warn);
  EXPECT_EQ(parse({"generate", "--model", "m", "--log-level", "off"}).output.log.other_ranks, LogLevel::off);
  EXPECT_EQ(parse({"generate", "--model", "m", "--log-all-ranks", "--log-level", "info"}).output.log.other_ranks,
            LogLevel::info);
}

TEST(Options, PlanWantsAModelOrAShapeAndAProbeNeither) {
  EXPECT_EQ(usage_problem({"plan"}), "command line: plan wants either --model or --random-weights");
  EXPECT_EQ(usage_problem({"plan", "--model", "m", "--random-weights", "c.json"}),
            "command line: plan wants either --model or --random-weights");
  EXPECT_TRUE(parse({"plan", "--probe"}).plan.probe);
  EXPECT_EQ(parse({"plan", "--probe", "--output", "c.json"}).plan.output_file, "c.json");
  EXPECT_EQ(usage_problem({"plan", "--model", "m", "--output", "c.json"}),
            "--output: names the cluster file of a probe");
  for (const char* option : {"--ranks", "--ranks-per-host", "--memory", "--tokens", "--json"}) {
    EXPECT_EQ(usage_problem({"plan", "--probe", option, "3"}), std::string(option) + ": means nothing with --probe");
  }
  EXPECT_EQ(usage_problem({"plan", "--model", "m", "--hidden", "1.5"}), "--hidden: 1.5 is no share");
  EXPECT_EQ(usage_problem({"plan", "--model", "m", "--ranks-per-host", "0"}), "--ranks-per-host: 0 is too small");
}

TEST(Options, SimulateWantsAClusterFileAndARange) {
  EXPECT_EQ(parse({"simulate", "--model", "m", "--cluster", "c.json"}).simulate.ranks, "1..1024");
  EXPECT_EQ(parse({"simulate", "--model", "m", "--cluster", "c.json", "--scaling", "weak"}).simulate.scaling,
            Scaling::weak);
  EXPECT_EQ(usage_problem({"simulate", "--model", "m"}), "--cluster: is not given");
  EXPECT_EQ(usage_problem({"simulate", "--model", "m", "--cluster", "c.json", "--ranks", "5..1"}),
            "--ranks: 5..1 is no range of ranks");
}

TEST(OptionsMessage, OptionsArriveAsTheyLeft) {
  Options sent = parse({"bench",       "gemfilter", "--random-weights", "c.json", "--keep",    "5",
                        "--selection", "paper",     "--stall-timeout",  "7",      "--threads", "4",
                        "--weights",   "q8_0",      "--log-format",     "json",   "--seed",    "9",
                        "--kernels",   "linear",    "--linear-tokens",  "8",      "--tokens",  "6",
                        "--trace",     "t"});
  sent.plan.memory_gib = 1.5;
  sent.plan.output_file = "c.json";
  sent.simulate.ranks = "2..8";
  const Options received = from_message(option_table(), to_message(option_table(), sent));
  EXPECT_EQ(received.command, Command::bench);
  EXPECT_EQ(received.bench.benchmark, Benchmark::gemfilter);
  EXPECT_EQ(received.bench.random_weights, "c.json");
  EXPECT_EQ(received.run.weights, DataType::q8_0);
  EXPECT_EQ(received.bench.seed, 9u);
  EXPECT_EQ(received.bench.kernels, KernelKind::linear);
  EXPECT_EQ(received.bench.linear_tokens, 8);
  EXPECT_EQ(received.bench.tokens, 6);
  EXPECT_EQ(received.filter.selection.keep, 5);
  EXPECT_FALSE(received.filter.selection.keep_last.has_value());
  EXPECT_EQ(received.filter.selection.policy, SelectionPolicy::paper);
  EXPECT_EQ(received.run.threads, 4);
  EXPECT_EQ(received.run.stall_timeout, 7);
  EXPECT_EQ(received.output.trace_file, "t");
  EXPECT_EQ(received.output.log.format, LogFormat::json);
  EXPECT_EQ(received.plan.memory_gib, 1.5);
  EXPECT_EQ(received.plan.output_file, "c.json");
  EXPECT_EQ(received.simulate.ranks, "2..8");
}

TEST(Options, RequestsAndHowManyAtATime) {
  const Options options = parse({"generate", "--model", "m", "--requests", "-", "--parallel", "3"});
  EXPECT_EQ(options.requests.file, "-");
  EXPECT_EQ(options.requests.parallel, 3);
  EXPECT_EQ(parse({"plan", "--model", "m", "--parallel", "4"}).requests.parallel, 4);
  EXPECT_THROW(parse({"generate", "--model", "m", "--requests", "-", "--parallel", "0"}), UsageError);
  EXPECT_THROW(parse({"generate", "--model", "m", "--parallel", "2"}), UsageError);
}

TEST(Lists, LengthsMayDoubleAndDepthsArePercents) {
  EXPECT_EQ(parse_lengths("512,1024..5000,300"), (std::vector<std::int32_t>{512, 1024, 2048, 4096, 300}));
  for (const char* text : {"", "1024..", "..1024", "2048..1024", "1024...4096", "1,2", "1024..2048..4096", "x"}) {
    EXPECT_THROW(parse_lengths(text), UsageError) << text;
  }
  EXPECT_EQ(parse_depths("0,33,100"), (std::vector<double>{0, 33, 100}));
  for (const char* text : {"", "101", "-1", "5,", "0.5"}) EXPECT_THROW(parse_depths(text), UsageError) << text;
}

}  // namespace
}  // namespace gemring

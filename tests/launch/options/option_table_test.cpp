// What follows from a description: an option is added to the table here, and must be found everywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include "launch/options/command_words.h"
#include "launch/options/environment.h"
#include "launch/options/option_value.h"
#include "launch/options/option_words.h"
#include "launch/options/options_message.h"
#include "launch/options/parse.h"
#include "launch/options/reference.h"
#include "launch/options/suggestion.h"
#include "tests/launch/options/parsing.h"

namespace gemring {
namespace {

using Words = std::vector<std::string>;
using test::usage_problem;

/// The program's options and --heat, in fields that `generate` does not use otherwise; and --key, a secret.
OptionTable with_own_options() {
  OptionTable table = option_table();
  table.push_back(
      {.name = "--heat",
       .aliases = {"-H", "--warmth"},
       .group = "Kitchen",
       .type = "DEGREES",
       .help = "how hot the oven is",
       .commands = {Command::generate, Command::launch},
       .value = number([](auto& options) -> auto& { return options.job.cores_per_node; }, {.least = 50, .most = 250}),
       .request_field = "heat",
       .needs = {{.holds = [](const Options& options) { return options.prompt.text.has_value(); },
                  .problem = "means nothing without --prompt"}}});
  table.push_back({.name = "--key",
                   .aliases = {"-k"},
                   .group = "Kitchen",
                   .type = "TEXT",
                   .help = "of the door",
                   .commands = {Command::generate, Command::launch},
                   .value = text([](auto& options) -> auto& { return options.logits.output_file; }),
                   .secret = true});
  return table;
}

ParsedCommandLine parse_with(const Words& words, const Words& environment = {}) {
  static const OptionTable table = with_own_options();
  return parse_command_line(table, words, environment);
}

std::string problem_of(const Words& words, const Words& environment = {}) {
  try {
    parse_with(words, environment);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const Words kGenerate = {"generate", "--model", "m", "--prompt", "p"};

Words generate(const Words& more) {
  Words words = kGenerate;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(AnOptionOfOnesOwn, IsReadFromCommandLineAndEnvironment) {
  EXPECT_FALSE(parse_with(kGenerate).options.job.cores_per_node);
  for (const char* name : {"--heat", "-H", "--warmth"}) {
    EXPECT_EQ(parse_with(generate({name, "180"})).options.job.cores_per_node, 180) << name;
  }
  EXPECT_EQ(parse_with(kGenerate, {"GEMRING_HEAT=90"}).options.job.cores_per_node, 90);
  EXPECT_EQ(parse_with(generate({"--heat", "70"}), {"GEMRING_HEAT=90"}).options.job.cores_per_node, 70);
  EXPECT_EQ(problem_of(generate({"--heat", "49"})), "--heat: 49 is too small");
  EXPECT_EQ(problem_of(kGenerate, {"GEMRING_HEAT=251"}), "--heat: 251 is too large");
  EXPECT_EQ(problem_of({"generate", "--model", "m", "--heat", "90"}), "--heat: means nothing without --prompt");
  EXPECT_EQ(problem_of({"inspect", "--model", "m", "--heat", "90"}),
            "command line: '--heat' is no option of gemring inspect");
}

TEST(AnOptionOfOnesOwn, StandsInHelpAndReference) {
  const std::string help = parse_with({"generate", "--help"}).text;
  EXPECT_TRUE(holds(help, "Kitchen"));
  EXPECT_TRUE(holds(help, "-H, --heat DEGREES"));
  EXPECT_TRUE(holds(help, "how hot the oven is"));
  EXPECT_TRUE(holds(help, "(means nothing without --prompt)"));
  EXPECT_FALSE(holds(parse_with({"inspect", "--help"}).text, "--heat"));
  EXPECT_TRUE(holds(parse_with({"--reference"}).text,
                    "| `--heat`, `-H`, `--warmth` | DEGREES: 50 to 250 | how hot the oven is; means nothing without "
                    "--prompt | generate, launch | `GEMRING_HEAT` | `heat` |\n"));
}

TEST(AnOptionOfOnesOwn, TravelsAndIsTold) {
  const OptionTable table = with_own_options();
  const Options options = parse_with(generate({"--heat", "180", "--key", "sesame"})).options;
  const Options received = from_message(table, to_message(table, options));
  EXPECT_EQ(received.job.cores_per_node, 180);
  EXPECT_EQ(received.logits.output_file, "sesame");
  const std::vector<OptionSetting> settings = settings_of(table, options);
  EXPECT_EQ(std::count_if(settings.begin(), settings.end(),
                          [](const OptionSetting& s) { return s.name == "--heat" && s.text == "180"; }),
            1);
  const Options job = parse_with({"launch", "slurm", "--model", "m", "--prompt", "p", "-H", "60"}).options;
  EXPECT_EQ(job.job.generate_words, (Words{"--prompt", "p", "--heat", "60"}));
}

TEST(ASecret, IsInNoReportNoJobFileNoMessage) {
  const OptionTable table = with_own_options();
  const Words words = generate({"--key", "sesame"});
  for (const OptionSetting& setting : settings_of(table, parse_with(words).options)) EXPECT_NE(setting.text, "sesame");
  const ParsedCommandLine job = parse_with({"launch", "slurm", "--model", "m", "--prompt", "p", "--key=sesame"});
  EXPECT_EQ(job.options.job.generate_words, (Words{"--prompt", "p"}));
  EXPECT_EQ(job.warnings,
            Words{"--key is a secret and not written into the job file: set GEMRING_KEY where the job runs"});
  EXPECT_EQ(without_secrets(table, {"--key", "sesame", "--keep", "1"}), (Words{"--key", "***", "--keep", "1"}));
  EXPECT_EQ(without_secrets(table, {"--key=sesame"}), Words{"--key=***"});
  EXPECT_EQ(without_secrets(table, {"-k", "sesame"}), (Words{"-k", "***"}));
  EXPECT_EQ(without_secrets(table, {"-ksesame", "-k=sesame", "-n5"}), (Words{"-k***", "-k***", "-n5"}));
}

TEST(OptionTable, NamesAndFieldsAreThereOnceForACommand) {
  for (const Command command :
       {Command::generate, Command::logits, Command::plan, Command::simulate, Command::inspect, Command::bench,
        Command::calibrate, Command::eval, Command::index, Command::ask, Command::chat, Command::serve, Command::render,
        Command::tokenize, Command::detokenize, Command::launch}) {
    std::set<std::string> names = {"-h", "--help"}, fields = {"id"};
    for (const OptionDescription& option : option_table()) {
      if (!option.belongs_to(command) || option.derived) continue;
      EXPECT_TRUE(names.insert(option.name).second) << option.name;
      for (const std::string& alias : option.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
      const std::string& field = option.request_field;
      EXPECT_TRUE(field.empty() || fields.insert(field).second) << option.name;
    }
  }
}

TEST(OptionTable, EveryValueOfANumberBecomesTextAndTheSameValue) {
  for (const OptionDescription& option : option_table()) {
    if (!option.value.bounds) continue;
    for (const std::string& bound : {option.value.bounds->least, option.value.bounds->most}) {
      if (option.value.bounds->above_least && bound == option.value.bounds->least) continue;
      Options options;
      option.value.read(options, {bound}, option.name);
      Options again;
      option.value.read(again, option.value.texts(options), option.name);
      EXPECT_EQ(option.value.texts(options), option.value.texts(again)) << option.name;
      option.value.reset(again);
      EXPECT_EQ(option.value.texts(again), default_texts(option)) << option.name;
    }
  }
}

/// What lies one beyond a bound, below (-1) or above (1).
std::string beyond(const OptionDescription& option, const std::string& bound, int direction) {
  if (option.value.kind == ValueKind::real) {
    const float number = std::stof(bound);
    return fmt::format("{}", std::nextafter(number, direction < 0 ? -INFINITY : INFINITY));
  }
  return std::to_string(std::stoll(bound) + direction);
}

TEST(OptionTable, WhatWritesAFileHasOneOfTheNamesThatTheTestsOfOutputsGoThrough) {
  const std::set<std::string> names = {"--json", "--trace", "--output",
                                       "--picture"};  // tests/end_to_end/outputs_test.py
  for (const OptionDescription& option : option_table()) {
    EXPECT_TRUE(option.file != FileUse::output || names.contains(option.name)) << option.name;
  }
}

TEST(OptionTable, EveryNumberIsRefusedBeyondItsBounds) {
  int numbers = 0;
  for (const OptionDescription& option : option_table()) {
    if (!option.value.bounds) {
      EXPECT_TRUE(option.value.kind != ValueKind::whole && option.value.kind != ValueKind::real) << option.name;
      continue;
    }
    const Bounds& bounds = *option.value.bounds;
    ++numbers;
    Words outside = {beyond(option, bounds.least, -1), beyond(option, bounds.most, 1), "1e30", "-1e30", "nan", "inf",
                     "99999999999999999999",           "-99999999999999999999",        "",     " 1",    "1x",  "0x10"};
    if (bounds.above_least) outside.push_back(bounds.least);
    for (const std::string& text : outside) {
      Options options;
      EXPECT_THROW(option.value.read(options, {text}, option.name), UsageError) << option.name << " " << text;
    }
  }
  EXPECT_GT(numbers, 30);
}

/// Words of a command line that is whole but for what is added to it.
Words whole_line(Command command) {
  switch (command) {
    case Command::generate:
      return kGenerate;
    case Command::bench:
      return {"bench", "kernels"};
    case Command::launch:
      return {"launch", "slurm", "--model", "m", "--prompt", "p"};
    case Command::logits:
      return {"logits", "--model", "m", "--prompt-ids", "i", "--output", "o"};
    case Command::eval:
      return {"eval", "niah", "--model", "m", "--output", "o"};
    case Command::index:
      return {"index", "t", "--model", "m", "--output", "o"};
    case Command::ask:
      return {"ask", "i", "--model", "m", "--question", "q"};
    case Command::simulate:
      return {"simulate", "--model", "m", "--cluster", "c"};
    default:
      return {std::string(words_of(command).name), "--model", "m"};
  }
}

TEST(OptionTable, BoundsHoldOnCommandLinesAndInTheEnvironmentOfEveryCommand) {
  for (const CommandWords& words : all_commands()) {
    for (const OptionDescription& option : option_table()) {
      if (!option.value.bounds || option.derived || !option.belongs_to(words.command)) continue;
      const Bounds& bounds = *option.value.bounds;
      const std::string variable = option_variable(option.name) + "=";
      const auto on_line = [&](const std::string& text) {
        Words line = whole_line(words.command);
        if (option.name == "--parallel" && words.command == Command::generate) line.emplace_back("--requests=r");
        line.push_back(option.name + "=" + text);
        return problem_of(line);
      };
      const auto in_environment = [&](const std::string& text) {
        Words line = whole_line(words.command);
        if (option.name == "--parallel" && words.command == Command::generate) line.emplace_back("--requests=r");
        return problem_of(line, {variable + text});
      };
      EXPECT_EQ(on_line(bounds.most), "no error") << words.name << " " << option.name;
      EXPECT_EQ(in_environment(bounds.most), "no error") << words.name << " " << option.name;
      for (const std::string& text : {beyond(option, bounds.least, -1), beyond(option, bounds.most, 1)}) {
        EXPECT_TRUE(on_line(text).starts_with(option.name + ": ")) << words.name << " " << option.name << " " << text;
        EXPECT_TRUE(in_environment(text).starts_with(option.name + ": ")) << words.name << " " << variable << text;
      }
    }
  }
}

TEST(OptionTable, ADoubledOptionCountsAsItWasLast) {
  EXPECT_EQ(test::parse(generate({"--keep", "5", "--keep", "6"})).filter.selection.keep, 6);
  EXPECT_EQ(test::parse(generate({"--method", "full", "--method=gemfilter"})).filter.method, Method::gemfilter);
  EXPECT_EQ(test::parse(generate({"-n", "5", "--n-predict", "7"})).generate.max_new_tokens, 7);
  EXPECT_TRUE(test::parse(generate({"--ignore-eos", "--ignore-eos"})).generate.ignore_eos);
  EXPECT_EQ(test::parse(generate({"--stop", "a", "--stop", "b"})).generate.stop, (Words{"a", "b"}));
}

TEST(OptionTable, LlamaCppsNamesMeanTheSame) {
  const Options options = test::parse({"generate", "-m", "m", "-f", "book", "-n", "9", "-t", "2", "-s", "7", "--temp",
                                       "0.5", "--top-k", "3", "--min-p", "0.1", "--repeat-penalty", "1.1"});
  EXPECT_EQ(options.model_directory, "m");
  EXPECT_EQ(options.prompt.file, "book");
  EXPECT_EQ(options.generate.max_new_tokens, 9);
  EXPECT_EQ(options.run.threads, 2);
  EXPECT_EQ(options.generate.sampling.seed, 7u);
  EXPECT_EQ(options.generate.sampling.temperature, 0.5f);
  EXPECT_EQ(options.generate.sampling.min_p, 0.1f);
  EXPECT_EQ(options.generate.sampling.penalties.repeat, 1.1f);
  EXPECT_EQ(test::parse({"generate", "-m", "m", "-p", "x", "--predict", "3"}).generate.max_new_tokens, 3);
  EXPECT_EQ(usage_problem(generate({"--ctx-size", "4096"})),
            "--ctx-size: means nothing to gemring: the KV cache is as long as the prompt and --max-new-tokens need");
}

TEST(OptionTable, WhatMeansNothingIsWarnedOf) {
  EXPECT_EQ(parse_with(generate({"--top-p", "0.9", "--temperature", "1"})).warnings, Words{});
  EXPECT_EQ(parse_with(generate({"--top-p", "0.9"})).warnings,
            Words{"--top-p: means nothing at temperature 0, where the likeliest token is always taken"});
  EXPECT_EQ(parse_with(kGenerate, {"GEMRING_SEED=1"}).warnings,
            Words{"--seed (GEMRING_SEED): means nothing at temperature 0, where the likeliest token is always taken"});
  EXPECT_EQ(parse_with(generate({"--method", "full", "--keep", "9"})).warnings,
            Words{"--keep: means nothing with --method full"});
  EXPECT_EQ(parse_with(generate({"--repeat-last-n", "9"})).warnings,
            Words{"--repeat-last-n: means nothing without a penalty"});
  for (const char* option : {"--keep-first", "--keep-last"}) {
    EXPECT_EQ(parse_with(generate({"--selection", "paper", option, "3"})).warnings,
              Words{std::string(option) + ": means nothing with --selection paper"});
  }
  for (const char* option : {"--repeat-penalty", "--presence-penalty", "--frequency-penalty"}) {
    EXPECT_EQ(parse_with(generate({option, "1.2", "--repeat-last-n", "0"})).warnings,
              Words{std::string(option) + ": means nothing with --repeat-last-n 0"});
  }
  const Words ids = {"generate", "--model", "m", "--prompt-ids", "i", "--invalid-utf8", "replace"};
  EXPECT_EQ(parse_with(ids).warnings, Words{"--invalid-utf8: means nothing with --prompt-ids"});
  Words stopped = ids;
  stopped.insert(stopped.end(), {"--stop", "END"});
  EXPECT_EQ(parse_with(stopped).warnings, Words{});
  EXPECT_EQ(parse_with({"generate", "--model", "m", "--requests", "r", "--top-p", "0.9"}).warnings, Words{});
}

TEST(OptionTable, AFieldThatMeansNothingIsTreatedAsItsOption) {
  for (const OptionDescription& option : option_table()) {
    if (option.request_field.empty()) continue;
    for (const Need& need : option.needs) EXPECT_EQ(need.on_command_line, need.in_request) << option.name;
  }
}

TEST(OptionTable, ASeedIsDrawnOnceAndTold) {
  const ParsedCommandLine line = parse_with(generate({"--temperature", "1", "--seed", "-1"}));
  EXPECT_FALSE(line.options.generate.draw_seed);
  EXPECT_EQ(line.notes, Words{fmt::format("--seed -1: drew {}", line.options.generate.sampling.seed)});
  const Options job = parse_with({"launch", "slurm", "--model", "m", "--prompt", "p", "--seed", "-1"}).options;
  EXPECT_EQ(job.job.generate_words, (Words{"--prompt", "p", "--seed=-1"}));  // drawn where the job runs
  EXPECT_EQ(problem_of(generate({"--seed", "-2"})), "--seed: -2 is too small");
}

TEST(OptionTable, StandardInputAndOutputAreThereOnce) {
  EXPECT_EQ(test::parse({"generate", "-m", "m", "-f", "-", "--json", "-"}).prompt.file, "-");
  EXPECT_EQ(problem_of({"generate", "-m", "m", "-f", "-", "--cluster", "-"}),
            "--cluster: is standard input, and so is --prompt-file");
  EXPECT_EQ(problem_of({"generate", "-m", "m", "--cluster", "-"}),
            "--cluster: is standard input, and so is the prompt, which no option gives");
  EXPECT_EQ(problem_of(generate({"--json", "-", "--trace", "-"})), "--trace: is standard output, and so is --json");
}

TEST(OptionTable, AFileThatEveryRankOpensIsNotStandardInput) {
  for (const Words& command : {Words{"bench", "decode"}, Words{"plan"}, Words{"simulate", "--cluster", "c"}}) {
    Words words = command;
    words.insert(words.end(), {"--random-weights", "-"});
    EXPECT_EQ(problem_of(words), "--random-weights: cannot be standard input: every rank opens this file itself");
    words.back() = "./-";
    EXPECT_EQ(problem_of(words), "no error") << command.front();
  }
}

TEST(Suggestion, TheNearestNameIsMeant) {
  EXPECT_EQ(edit_distance("kepe", "keep"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
  const auto advice = [](const Words& words) -> std::string {
    try {
      parse_with(words);
    } catch (const UsageError& error) {
      return error.text().advice;
    }
    return {};
  };
  EXPECT_TRUE(holds(advice(generate({"--max-tokens", "5"})), "did you mean --max-new-tokens? "));
  EXPECT_TRUE(holds(advice(generate({"--kepe=5"})), "did you mean --keep? "));
  EXPECT_TRUE(holds(advice({"generat"}), "did you mean generate? "));
  EXPECT_FALSE(holds(advice(generate({"--frobnicate"})), "did you mean"));
}

TEST(Help, ItsExampleBelongsToTheCommand) {
  EXPECT_TRUE(holds(parse_with({"generate", "--help"}).text, "GEMRING_MAX_NEW_TOKENS"));
  for (const char* command : {"inspect", "render", "tokenize", "detokenize"}) {
    const std::string help = parse_with({command, "--help"}).text;
    const std::size_t begin = help.find("GEMRING_");
    ASSERT_NE(begin, std::string::npos);
    const std::string option = help.substr(help.find(" for --", begin) + 5);
    EXPECT_NE(find_option(option_table(), command_named(command).command, option.substr(0, option.find(';'))), nullptr)
        << command << ": " << option.substr(0, 30);
  }
}

TEST(Help, ItSaysWhatItsCommandWantsOfAnOptionAndNotWhatOthersDo) {
  EXPECT_TRUE(holds(parse_with({"bench", "--help"}).text, "(means nothing but for bench gemfilter)"));
  const std::string generate = parse_with({"generate", "--help"}).text;
  EXPECT_TRUE(holds(generate, "(means nothing with --method full)"));
  EXPECT_FALSE(holds(generate, "bench"));
  EXPECT_TRUE(holds(generate, "(goes with no --question; goes with no --chat)"));
  const std::string logits = parse_with({"logits", "--help"}).text;
  EXPECT_FALSE(holds(logits, "goes with no"));
  EXPECT_TRUE(holds(logits, "(required)"));
}

TEST(OptionTable, WhatACommandRequiresMayBeInTheEnvironment) {
  const Words logits = {"logits", "--model", "m", "--prompt-ids", "i"};
  EXPECT_EQ(problem_of(logits), "--output: is not given");
  EXPECT_EQ(problem_of(logits, {"GEMRING_OUTPUT=o"}), "no error");
  EXPECT_EQ(problem_of({"plan", "--probe"}), "no error");
  EXPECT_EQ(problem_of({"inspect", "--model", ""}), "--model: is not given");
}

TEST(Reference, TheTablesOfTheReadmeAreOfToday) {
  std::ifstream in(GEMRING_ROOT "/launch/README.md");
  std::ostringstream readme;
  readme << in.rdbuf();
  const std::string text = readme.str(), begin = "<!-- options: begin -->\n", end = "<!-- options: end -->";
  ASSERT_TRUE(holds(text, begin) && holds(text, end)) << "launch/README.md has no place for the options";
  const std::size_t first = text.find(begin) + begin.size();
  EXPECT_EQ(text.substr(first, text.find(end) - first), "\n" + reference_page(option_table()) + "\n")
      << "launch/README.md is stale: renew it with launch/tools/renew-reference PROGRAM";
}

}  // namespace
}  // namespace gemring

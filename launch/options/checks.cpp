#include "launch/options/checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/text/chat/chat_date.h"
#include "launch/options/environment.h"
#include "launch/options/file_clashes.h"

namespace gemring {
namespace {

/// An option as a message names it: one of the environment by its variable too, for it is not to be seen in a command.
std::string named(const GivenOption& given) {
  if (!given.from_environment) return given.option->name;
  return fmt::format("{} ({})", given.option->name, option_variable(given.option->name));
}

/// Options without what they need. With --requests a line may bring what is missing, and then it says so itself.
std::vector<std::string> check_needs(const Options& options, const std::vector<GivenOption>& all) {
  std::vector<std::string> warnings;
  for (const GivenOption& given : all) {
    const OptionDescription& option = *given.option;
    if (option.value.kind == ValueKind::flag && option.value.texts(options) == default_texts(option)) continue;
    for (const Need& need : option.needs) {
      if (need.is_met(options)) continue;
      if (need.on_command_line == Need::Otherwise::error) throw UsageError({option.name, need.problem, need.advice});
      if (options.requests.file && !option.request_field.empty()) continue;
      warnings.push_back(fmt::format("{}: {}", named(given), need.problem));
    }
  }
  return warnings;
}

bool is_unset(const OptionDescription& option, const Options& options) {
  const std::vector<std::string> texts = option.value.texts(options);
  return texts.empty() || texts.front().empty();
}

void check_required(const OptionTable& table, const Options& options) {
  for (const OptionDescription& option : table) {
    if (!option.is_required_by(options.command) || !is_unset(option, options)) continue;
    std::string help = option.help;
    std::replace(help.begin(), help.end(), '\n', ' ');
    throw UsageError({option.name, "is not given", fmt::format("give {} {}: {}", option.name, option.type, help)});
  }
}

bool is_prompt(const GivenOption& given) {
  return given.option->one_of == kOneOfPrompts;
}

void check_prompts(const OptionTable& table, const Options& options, const std::vector<GivenOption>& given) {
  if (std::count_if(given.begin(), given.end(), is_prompt) <= 1) return;
  std::string names;
  for (const OptionDescription& option : table) {
    if (option.one_of != kOneOfPrompts || !option.belongs_to(options.command)) continue;
    names += (names.empty() ? "" : ", ") + option.name;
  }
  throw UsageError({"command line", "more than one prompt is given",
                    fmt::format("give one of {}, or none and the prompt on standard input", names)});
}

/// Standard input for a file that is not read once.
void refuse_standard_input(const GivenOption& given) {
  if (given.option->file != FileUse::every_rank || given.texts.front() != "-") return;
  throw UsageError({given.option->name, "cannot be standard input: every rank opens this file itself",
                    "name a file; one that is called - is ./-"});
}

bool is_standard_stream(const GivenOption& given) {
  const std::string& file = given.texts.front();
  if (given.option->file == FileUse::output_directory) return false;
  return given.option->file != FileUse::none && (file == "-" || (file.empty() && given.option->value_may_be_left_out));
}

bool reads_prompt_from_standard_input(const Options& options, const std::vector<GivenOption>& given) {
  return options.command == Command::generate && !options.requests.file &&
         std::none_of(given.begin(), given.end(), is_prompt);
}

/// Standard input and standard output are there once.
void check_standard_streams(const Options& options, const std::vector<GivenOption>& all) {
  std::string reader, writer;
  if (reads_prompt_from_standard_input(options, all)) reader = "the prompt, which no option gives";
  if (options.command == Command::chat) reader = "the conversation";
  for (const GivenOption& given : all) {
    refuse_standard_input(given);
    if (!is_standard_stream(given)) continue;
    const bool output = given.option->file == FileUse::output;
    std::string& other = output ? writer : reader;
    if (!other.empty()) {
      throw UsageError({given.option->name,
                        fmt::format("is standard {}, and so is {}", output ? "output" : "input", other),
                        "name a file for one of them"});
    }
    other = given.option->name;
  }
}

/// Throws UsageError: see check_job_options(); a job without a prompt, since it has no standard input.
void check_launch(const Options& options, const std::vector<GivenOption>& given) {
  check_job_options(options.job);
  if (std::any_of(given.begin(), given.end(), is_prompt)) return;
  throw UsageError({"command line", "the job has no prompt, and no standard input to read one from",
                    "name a file that the nodes see with --prompt-file, --user-file or --prompt-ids"});
}

void require_model_or_shape(const Options& options, const char* command) {
  if (options.model_directory.empty() != options.bench.random_weights.has_value()) {
    throw UsageError({"command line", fmt::format("{} wants either --model or --random-weights", command),
                      "--random-weights CONFIG.json makes a model of that shape in memory"});
  }
}

void check_planning(const Options& options) {
  if (options.command == Command::simulate) parse_rank_range(options.simulate.ranks);
  if (!options.plan.probe)
    return require_model_or_shape(options, options.command == Command::plan ? "plan" : "simulate");
  if (!options.model_directory.empty() && options.bench.random_weights) require_model_or_shape(options, "plan");
}

/// What no row of the table can say, since it is about several: that one of two options must be there and not both,
/// that two values differ, that a job has what a run would read from standard input.
void check_combinations(const Options& options, const std::vector<GivenOption>& given) {
  const Benchmark benchmark = options.bench.benchmark;
  const bool of_a_model = benchmark != Benchmark::limits && benchmark != Benchmark::kernels;
  if (options.command == Command::bench && of_a_model) require_model_or_shape(options, "bench");
  if (options.command == Command::plan || options.command == Command::simulate) check_planning(options);
  if (options.command == Command::calibrate) {
    parse_lengths(options.calibrate.lengths);
    parse_windows(options.calibrate.windows);
  }
  if (options.command == Command::eval) {
    parse_lengths(options.eval.lengths);
    parse_depths(options.eval.depths);
  }
  if (options.command == Command::launch) check_launch(options, given);
}

}  // namespace

std::vector<std::string> check_options(const OptionTable& table, const Options& options,
                                       const std::vector<GivenOption>& given) {
  if (const auto& date = options.prompt.chat.date) parse_date(*date, "--date");
  std::vector<std::string> warnings = check_needs(options, given);
  check_required(table, options);
  check_prompts(table, options, given);
  check_standard_streams(options, given);
  check_combinations(options, given);
  refuse_clashing_files(given, reads_prompt_from_standard_input(options, given));
  return warnings;
}

}  // namespace gemring

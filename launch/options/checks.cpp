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
      if (need.holds(options)) continue;
      if (need.on_command_line == Need::Otherwise::error) throw UsageError({option.name, need.problem, need.advice});
      if (options.requests.file && !option.request_field.empty()) continue;
      warnings.push_back(fmt::format("{}: {}", named(given), need.problem));
    }
  }
  return warnings;
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

void check_chat(const Options& options) {
  const ChatOptions& chat = options.prompt.chat;
  if (chat.date) parse_date(*chat.date, "--date");
  if (chat.on && options.prompt.ids_file) {
    throw UsageError({"--chat", "makes a prompt of text, and --prompt-ids gives token ids",
                      "give the text with --user-file, or the ids of the whole chat without --chat"});
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
  const PlanOptions& plan = options.plan;
  if (options.command == Command::simulate) {
    parse_rank_range(options.simulate.ranks);
    if (!options.run.cluster_file) {
      throw UsageError({"--cluster", "no cluster file is given: simulate needs machines that were measured",
                        "write one with gemring plan --probe --output FILE, and give it here"});
    }
  }
  if (!plan.probe) return require_model_or_shape(options, options.command == Command::plan ? "plan" : "simulate");
  if (plan.ranks || plan.ranks_per_host || plan.memory_gib || plan.tokens || options.output.json_file) {
    throw UsageError({"--probe", "measures the ranks of this job, and plans nothing",
                      "leave out --ranks, --ranks-per-host, --memory, --tokens and --json"});
  }
  if (!options.model_directory.empty() && options.bench.random_weights) require_model_or_shape(options, "plan");
}

void check_combinations(const Options& options, const std::vector<GivenOption>& given) {
  const PromptOptions& prompt = options.prompt;
  if (prompt.question && prompt.ids_file) {
    throw UsageError({"--question", "goes with a prompt of text, and --prompt-ids gives token ids",
                      "put the question's ids into the file and say how many they are with --keep-last"});
  }
  if (options.run.weights == DataType::q4_k && !options.bench.random_weights) {
    throw UsageError({"--weights", "q4_k is for --random-weights only: nothing converts to it",
                      "convert to q8_0 or q4_0, or give a GGUF file whose weights are q4_k"});
  }
  if (options.output.trace_file && options.output.trace_file == options.output.json_file) {
    throw UsageError({"--trace", "names the file of --json", "give each a file of its own"});
  }
  if (options.command == Command::bench) {
    const bool limits = options.bench.benchmark == Benchmark::limits;
    if (limits || options.bench.benchmark == Benchmark::kernels) {
      if (options.output.trace_file) {
        throw UsageError(
            {"--trace", fmt::format("means nothing for bench {}", limits ? "limits" : "kernels"), "leave it out"});
      }
      if (options.model_directory.empty() && !options.bench.random_weights) return;
      throw UsageError({limits ? "bench limits" : "bench kernels", "measures the machine, not a model",
                        "leave out --model and --random-weights"});
    }
    require_model_or_shape(options, "bench");
  } else if (options.command == Command::plan || options.command == Command::simulate) {
    check_planning(options);
  } else if (options.model_directory.empty()) {
    throw UsageError({"--model", "no model directory is given",
                      "name the model's directory (gemring COMMAND --help says what it must hold)"});
  }
  if (options.command == Command::launch) check_launch(options, given);
  if (options.command == Command::logits && !prompt.ids_file) {
    throw UsageError({"--prompt-ids", "no prompt is given", "name a file with a JSON array of token ids"});
  }
  if (options.command == Command::logits && options.logits.output_file.empty()) {
    throw UsageError({"--output", "no output file is given", "name the .safetensors file to write"});
  }
}

}  // namespace

std::vector<std::string> check_options(const OptionTable& table, const Options& options,
                                       const std::vector<GivenOption>& given) {
  check_chat(options);
  std::vector<std::string> warnings = check_needs(options, given);
  check_prompts(table, options, given);
  check_standard_streams(options, given);
  check_combinations(options, given);
  refuse_clashing_files(given, reads_prompt_from_standard_input(options, given));
  return warnings;
}

}  // namespace gemring

#include "launch/options/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "engine/base/error.h"
#include "engine/text/chat/chat_date.h"
#include "launch/options/command_line.h"
#include "launch/options/environment.h"
#include "launch/options/launch_options.h"
#include "launch/options/request_options.h"

namespace gemring {
namespace {

constexpr std::array kCommands = {
    CommandWords{Command::generate, "generate", "Answer a prompt: filter it, then generate text."},
    CommandWords{Command::logits, "logits", "Write the logits of the last positions of a prompt to a file."},
    CommandWords{Command::plan, "plan", "Show who owns what, bytes, FLOP and seconds per rank; measure the machines."},
    CommandWords{Command::simulate, "simulate",
                 "Predict how a model scales over numbers of ranks, from a measured cluster."},
    CommandWords{Command::inspect, "inspect", "Show what is in a model directory."},
    CommandWords{Command::bench, "bench",
                 "Measure prefill, decode, gemfilter, single kernels, or the machine's limits."},
    CommandWords{Command::render, "render",
                 "Conversations to prompts: lines {\"messages\": [...]} in, JSON texts out."},
    CommandWords{Command::tokenize, "tokenize",
                 "Text to token ids: lines {\"text\": ...} in, a JSON array a line out."},
    CommandWords{Command::detokenize, "detokenize", "Token ids to text: a JSON array a line in, {\"text\": ...} out."},
    CommandWords{Command::launch, "launch",
                 "Write a job file for Slurm, PBS, Kubernetes or Apptainer, laid out by the plan."},
};

std::string general_help() {
  std::string text =
      "gemring answers questions over very long texts on CPU clusters.\n"
      "Usage: gemring COMMAND [OPTIONS], or mpirun -n RANKS gemring COMMAND [OPTIONS]\n\nCommands:\n";
  for (const CommandWords& words : kCommands) text += fmt::format("  {:<12}{}\n", words.name, words.description);
  text +=
      "\n  gemring COMMAND --help   the command's options\n"
      "  gemring --version        version, compiler, MPI, BLAS, instruction sets\n";
  return text;
}

/// "generate, logits, ... and detokenize".
std::string command_names() {
  std::string text(kCommands[0].name);
  for (std::size_t i = 1; i < kCommands.size(); ++i) {
    text += fmt::format("{}{}", i + 1 < kCommands.size() ? ", " : " and ", kCommands[i].name);
  }
  return text;
}

const CommandWords& command_named(const std::string& name) {
  const auto* const found =
      std::find_if(kCommands.begin(), kCommands.end(), [&](const CommandWords& words) { return words.name == name; });
  if (found == kCommands.end()) {
    throw UsageError({"command line", fmt::format("'{}' is no command", name),
                      fmt::format("commands are {}; gemring --help says more", command_names())});
  }
  return *found;
}

void require_at_least(std::int64_t minimum, std::int64_t value, const char* option) {
  if (value >= minimum) return;
  throw UsageError({option, fmt::format("{} is too small", value), fmt::format("give {} or more", minimum)});
}

void check_numbers(const Options& options) {
  require_at_least(1, options.generate.max_new_tokens, "--max-new-tokens");
  require_at_least(1, options.run.threads.value_or(1), "--threads");
  require_at_least(0, options.run.stall_timeout, "--stall-timeout");
  require_at_least(1, options.logits.last, "--last");
  require_at_least(1, options.plan.ranks.value_or(1), "--ranks");
  require_at_least(1, options.plan.tokens.value_or(1), "--tokens");
  require_at_least(1, options.bench.tokens.value_or(1), "--tokens");
  require_at_least(1, options.bench.linear_tokens, "--linear-tokens");
  require_at_least(1, options.bench.repetitions, "--repetitions");
  require_at_least(0, options.bench.warmup, "--warmup");
  require_at_least(1, options.bench.decode_tokens, "--max-new-tokens");
  require_at_least(1, options.plan.ranks_per_host.value_or(1), "--ranks-per-host");
  if (!(options.plan.hidden >= 0 && options.plan.hidden <= 1)) {
    throw UsageError({"--hidden", fmt::format("{} is no share", options.plan.hidden), "give 0 to 1"});
  }
  if (!(options.plan.memory_gib.value_or(1) > 0)) {
    throw UsageError({"--memory", fmt::format("{} GiB is no memory", *options.plan.memory_gib), "give more than 0"});
  }
  validate(options.generate.sampling);
}

/// Options that only mean something in a chat, and --chat with what it cannot be combined with.
void check_chat(const Options& options) {
  const ChatOptions& chat = options.prompt.chat;
  if (chat.date) parse_date(*chat.date, "--date");
  if (options.command == Command::render) return;
  if (chat.on && options.prompt.ids_file) {
    throw UsageError({"--chat", "makes a prompt of text, and --prompt-ids gives token ids",
                      "give the text with --user-file, or the ids of the whole chat without --chat"});
  }
  const std::pair<const char*, bool> only_with_chat[] = {{"--system", chat.system.has_value()},
                                                         {"--user-file", chat.user_file.has_value()},
                                                         {"--answer-prefix", chat.answer_prefix.has_value()},
                                                         {"--chat-template", chat.template_file.has_value()},
                                                         {"--date", chat.date.has_value()}};
  for (const auto& [option, given] : only_with_chat) {
    if (given && !chat.on) throw UsageError({option, "means nothing without --chat", "add --chat, or leave it out"});
  }
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
  if (!plan.probe && plan.output_file) {
    throw UsageError({"--output", "names the cluster file of a probe", "add --probe, or leave it out"});
  }
  if (!plan.probe) return require_model_or_shape(options, options.command == Command::plan ? "plan" : "simulate");
  if (plan.ranks || plan.ranks_per_host || plan.memory_gib || plan.tokens || options.output.json_file) {
    throw UsageError({"--probe", "measures the ranks of this job, and plans nothing",
                      "leave out --ranks, --ranks-per-host, --memory, --tokens and --json"});
  }
  if (!options.model_directory.empty() && options.bench.random_weights) require_model_or_shape(options, "plan");
}

void check_combinations(const Options& options) {
  const PromptOptions& prompt = options.prompt;
  check_chat(options);
  check_requests(options);
  if (prompt.text.has_value() + prompt.file.has_value() + prompt.ids_file.has_value() +
          prompt.chat.user_file.has_value() >
      1) {
    throw UsageError({"command line", "more than one prompt is given",
                      "give one of --prompt, --prompt-file, --user-file and --prompt-ids, or none and the prompt on "
                      "standard input"});
  }
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
  if (options.command == Command::launch) check_launch(options);
  if (options.command == Command::logits && !prompt.ids_file) {
    throw UsageError({"--prompt-ids", "no prompt is given", "name a file with a JSON array of token ids"});
  }
  if (options.command == Command::logits && options.logits.output_file.empty()) {
    throw UsageError({"--output", "no output file is given", "name the .safetensors file to write"});
  }
}

}  // namespace

RankRange parse_rank_range(const std::string& text) {
  RankRange range;
  const std::size_t dots = text.find("..");
  const auto number = [&](std::size_t begin, std::size_t end, int& value) {
    const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, value);
    return error == std::errc() && rest == text.data() + end && begin < end;
  };
  const bool one = dots == std::string::npos;
  if (!number(0, one ? text.size() : dots, range.first) || !number(one ? 0 : dots + 2, text.size(), range.last)) {
    throw UsageError({"--ranks", fmt::format("'{}' is no range", text), "write two numbers: 1..1024"});
  }
  if (range.first < 1 || range.last < range.first || range.last > kMostSimulatedRanks) {
    throw UsageError({"--ranks", fmt::format("{} is no range of ranks", text),
                      fmt::format("give A..B with 1 <= A <= B <= {}", kMostSimulatedRanks)});
  }
  return range;
}

namespace {

/// A prompt on the command line outranks one of another kind in the environment.
bool names_a_prompt(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(), [](const std::string& argument) {
    const std::string name = argument.substr(0, argument.find('='));
    return name == "--prompt" || name == "--prompt-file" || name == "--prompt-ids" || name == "--user-file";
  });
}

}  // namespace

ParsedCommandLine parse_command_line(const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    throw UsageError({"command line", "no command is given", "gemring --help lists the commands"});
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    return {ParsedCommandLine::Kind::help, general_help(), {}};
  }
  if (arguments[0] == "--version") return {ParsedCommandLine::Kind::version, {}, {}};

  const CommandWords& words = command_named(arguments[0]);
  CommandLine line(words, !names_a_prompt(arguments));
  std::vector<std::string> given(arguments.begin() + 1, arguments.end());
  if (words.command == Command::launch) without_separator(given);
  const std::optional<std::string> help = line.parse(given);
  if (help) return {ParsedCommandLine::Kind::help, *help, {}};
  Options options = line.options();
  if (words.command == Command::launch) {
    options.job.generate_words = line.words_for(CommandLine(command_named("generate"), true), "--model");
  }

  const std::vector<std::string> environment = process_environment();
  options.run.isa = variable(environment, "GEMRING_ISA");
  if (const int hint = omp_num_threads(environment); hint > 0) options.run.omp_threads = hint;
  if (options.output.log_all_ranks) options.output.log.other_ranks = options.output.log.level;
  if (options.output.log.level > options.output.log.other_ranks) {
    options.output.log.other_ranks = options.output.log.level;  // --log-level error silences the others' warnings too
  }
  check_numbers(options);
  check_combinations(options);
  return {ParsedCommandLine::Kind::run, {}, std::move(options)};
}

std::vector<std::string> option_variables() {
  std::vector<std::string> variables;
  for (const CommandWords& words : kCommands) {
    for (std::string& name : CommandLine(words, true).variables()) variables.push_back(std::move(name));
  }
  return variables;
}

}  // namespace gemring

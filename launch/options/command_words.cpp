#include "launch/options/command_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/base/error.h"
#include "launch/options/suggestion.h"

namespace gemring {
namespace {

constexpr std::array kCommands = {
    CommandWords{Command::generate, "generate", "Answer a prompt: filter it, then generate text.", "--max-new-tokens"},
    CommandWords{Command::logits, "logits", "Write the logits of the last positions of a prompt to a file.", "--last"},
    CommandWords{Command::plan, "plan", "Show who owns what, bytes, FLOP and seconds per rank; measure the machines.",
                 "--max-new-tokens"},
    CommandWords{Command::simulate, "simulate",
                 "Predict how a model scales over numbers of ranks, from a measured cluster.", "--max-new-tokens"},
    CommandWords{Command::inspect, "inspect", "Show what is in a model directory.", "--log-level", false},
    CommandWords{Command::bench, "bench",
                 "Measure prefill, decode, gemfilter, single kernels, or the machine's limits.", "--max-new-tokens"},
    CommandWords{Command::calibrate, "calibrate",
                 "Measure which layers and heads of a model find answers; write its filter profile.", "--target"},
    CommandWords{Command::eval, "eval",
                 "Ask a model what long texts say, by several methods, and compare their answers.", "--samples"},
    CommandWords{Command::index, "index",
                 "Read a long text once, for many questions: what the filter saw goes to a file.", "--output"},
    CommandWords{Command::ask, "ask", "Ask about a text that gemring index has read: only the question is read.",
                 "--max-new-tokens"},
    CommandWords{Command::chat, "chat",
                 "Talk to a model, also about a long text: a line of standard input is a message.", "--max-new-tokens"},
    CommandWords{Command::serve, "serve", "Answer over HTTP what clients of OpenAI's interface ask.",
                 "--max-new-tokens"},
    CommandWords{Command::render, "render", "Conversations to prompts: lines {\"messages\": [...]} in, JSON texts out.",
                 "--chat-template", false},
    CommandWords{Command::tokenize, "tokenize", "Text to token ids: lines {\"text\": ...} in, a JSON array a line out.",
                 "--special", false},
    CommandWords{Command::detokenize, "detokenize", "Token ids to text: a JSON array a line in, {\"text\": ...} out.",
                 "--log-level", false},
    CommandWords{Command::launch, "launch",
                 "Write a job file for Slurm, PBS, Kubernetes or Apptainer, laid out by the plan.", "--max-new-tokens"},
};

/// "generate, logits, ... and detokenize".
std::string command_names() {
  std::string text(kCommands[0].name);
  for (std::size_t i = 1; i < kCommands.size(); ++i) {
    text += fmt::format("{}{}", i + 1 < kCommands.size() ? ", " : " and ", kCommands[i].name);
  }
  return text;
}

}  // namespace

std::span<const CommandWords> all_commands() {
  return kCommands;
}

const CommandWords& words_of(Command command) {
  return *std::find_if(kCommands.begin(), kCommands.end(),
                       [&](const CommandWords& words) { return words.command == command; });
}

const CommandWords& command_named(const std::string& name) {
  const auto* const found =
      std::find_if(kCommands.begin(), kCommands.end(), [&](const CommandWords& words) { return words.name == name; });
  if (found != kCommands.end()) return *found;
  std::vector<std::string> names;
  names.reserve(kCommands.size());
  for (const CommandWords& words : kCommands) names.emplace_back(words.name);
  throw UsageError(
      {"command line", fmt::format("'{}' is no command", name),
       fmt::format("{}commands are {}; gemring --help says more", did_you_mean(name, names), command_names())});
}

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

}  // namespace gemring

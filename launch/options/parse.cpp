#include "launch/options/parse.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/error.h"
#include "launch/options/checks.h"
#include "launch/options/command_line.h"
#include "launch/options/command_words.h"
#include "launch/options/environment.h"
#include "launch/options/option_words.h"
#include "launch/options/reference.h"

namespace gemring {
namespace {

/// The first "--" may part launch's own options from those of the request.
void without_separator(std::vector<std::string>& arguments) {
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  if (separator != arguments.end()) arguments.erase(separator);
}

Options read_options(Command command, const std::vector<GivenOption>& given) {
  Options options;
  options.command = command;
  for (const GivenOption& entry : given) entry.option->value.read(options, entry.texts, entry.option->name);
  return options;
}

/// What follows from the options, and the variables that are no options.
void derive_values(const OptionTable& table, const std::vector<GivenOption>& given,
                   const std::vector<std::string>& environment, Options& options) {
  if (options.command == Command::launch) {
    options.job.generate_words = words_for(table, given, Command::generate, {"--model", "--filter-model"});
  }
  options.run.isa = variable(environment, "GEMRING_ISA");
  if (const int hint = omp_num_threads(environment); hint > 0) options.run.omp_threads = hint;
  LogOptions& log = options.output.log;
  if (options.output.verbose) log.level = std::min(log.level, LogLevel::info);
  if (options.output.log_all_ranks) log.other_ranks = log.level;
  log.other_ranks = std::max(log.other_ranks, log.level);  // --log-level error silences the others' warnings too
}

/// A job file has no secrets: who starts the job has to bring them.
void warn_of_secrets(const Options& options, const std::vector<GivenOption>& given,
                     std::vector<std::string>& warnings) {
  if (options.command != Command::launch) return;
  for (const GivenOption& entry : given) {
    if (!entry.option->secret) continue;
    warnings.push_back(fmt::format("{} is a secret and not written into the job file: set {} where the job runs",
                                   entry.option->name, option_variable(entry.option->name)));
  }
}

}  // namespace

ParsedCommandLine parse_command_line(const OptionTable& table, const std::vector<std::string>& arguments,
                                     const std::vector<std::string>& environment) {
  using Kind = ParsedCommandLine::Kind;
  if (arguments.empty()) {
    throw UsageError({"command line", "no command is given", "gemring --help lists the commands"});
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    return {Kind::text, general_help(), {}, {}, {}};
  }
  if (arguments[0] == "--version") return {Kind::version, {}, {}, {}, {}};
  if (arguments[0] == "--reference") return {Kind::text, reference_page(table), {}, {}, {}};

  const CommandWords& words = command_named(arguments[0]);
  CommandLine line(table, words);
  std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
  if (words.command == Command::launch) without_separator(rest);
  const std::optional<std::vector<GivenOption>> given = line.parse(rest, environment);
  if (!given) return {Kind::text, line.help(), {}, {}, {}};

  ParsedCommandLine parsed;
  parsed.options = read_options(words.command, *given);
  derive_values(table, *given, environment, parsed.options);
  parsed.warnings = check_options(table, parsed.options, *given);
  warn_of_secrets(parsed.options, *given, parsed.warnings);
  if (words.command != Command::launch) {  // a job draws for itself
    if (std::string drawn = draw_seeds(parsed.options); !drawn.empty()) parsed.notes.push_back(std::move(drawn));
  }
  return parsed;
}

}  // namespace gemring

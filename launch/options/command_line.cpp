#include "launch/options/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "engine/base/error.h"
#include "launch/options/environment.h"
#include "launch/options/option_value.h"
#include "launch/options/suggestion.h"

namespace gemring {
namespace {

/// `  -n, --max-new-tokens TOKENS (256)`: CLI11's own form has all aliases and the environment variable.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(32); }
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    if (is_positional) return option->get_name(true);
    const std::vector<std::string>& letters = option->get_snames();
    const std::string shown = letters.empty() ? std::string() : fmt::format("-{}, ", letters.front());
    return shown + "--" + option->get_lnames().front();
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->get_type_size() != 0) text = " " + option->get_type_name();
    if (!option->get_default_str().empty()) text += fmt::format(" ({})", option->get_default_str());
    return text;
  }
  std::string make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> opts) const override {
    return CLI::Formatter::make_group(group, is_positional, std::move(opts)).substr(is_positional ? 0 : 1);
  }
};

/// Words of other programs for what gemring has no option for, since it needs none.
struct ForeignWord {
  std::string_view word;
  const char* problem;
};
constexpr std::array kForeignWords = {
    ForeignWord{"--ctx-size",
                "means nothing to gemring: the KV cache is as long as the prompt and --max-new-tokens need"},
    ForeignWord{"-c", "means nothing to gemring: the KV cache is as long as the prompt and --max-new-tokens need"},
    ForeignWord{"--gpu-layers", "means nothing to gemring, which computes on processors"},
    ForeignWord{"--n-gpu-layers", "means nothing to gemring, which computes on processors"},
};

std::string footer_of(const CommandWords& words) {
  std::string text =
      fmt::format("\nEvery option may also come from the environment: {} for {}; the command line\nwins.",
                  option_variable(words.example), words.example);
  if (words.computes) text += " GEMRING_ISA=portable|avx2|avx512|avx512vnni|avx512bf16|amx chooses the kernels.";
  return text + " Under mpirun rank 0's command\nline and environment count for all ranks.";
}

/// "-n,--max-new-tokens,--n-predict", as CLI11 reads names.
std::string all_names(const OptionDescription& option) {
  std::string names = option.name;
  for (const std::string& alias : option.aliases) names += "," + alias;
  return names;
}

/// Its help, and on a line of its own what `command` wants of it.
std::string help_of(const OptionDescription& option, Command command) {
  std::vector<std::string> wants;
  if (option.is_option() && option.is_required_by(command)) wants.emplace_back("required");
  for (const Need& need : option.needs) {
    if (need.concerns(command)) wants.push_back(need.problem);
  }
  if (wants.empty()) return option.help;
  return fmt::format("{}\n({})", option.help, fmt::join(wants, "; "));
}

CLI::Option* add_to(CLI::App& app, const OptionDescription& option, Command command) {
  const std::string help = help_of(option, command);
  if (option.value.kind == ValueKind::flag) return app.add_flag(all_names(option), help);
  const CLI::callback_t no_callback = [](const CLI::results_t& /*results*/) { return true; };
  CLI::Option* const added = app.add_option(all_names(option), no_callback, help);
  const bool is_list = option.value.kind == ValueKind::list;
  added->multi_option_policy(is_list ? CLI::MultiOptionPolicy::TakeAll : CLI::MultiOptionPolicy::TakeLast);
  added->type_name(option.value.kind == ValueKind::choice ? fmt::format("{}", fmt::join(option.value.choices, "|"))
                                                          : option.type);
  if (is_list) added->allow_extra_args(false);
  if (option.value_may_be_left_out) added->expected(0, 1);
  if (!option.is_option() && option.is_required_by(command)) added->required();  // others may be in the environment
  const std::vector<std::string> standard = default_texts(option);
  if (!standard.empty() && option.is_option() && !option.secret) added->default_str(standard.front());
  return added;
}

/// --verbose=false stands in for nothing.
bool is_off(const OptionDescription& option, const CLI::Option& added) {
  return option.value.kind == ValueKind::flag && !read_truth(added.results().back(), option.name);
}

/// Whether `option` is the last of those of one word that stand on the line.
bool is_last_of(const std::vector<const OptionDescription*>& on_line, const OptionDescription& option) {
  const auto last = std::find_if(on_line.rbegin(), on_line.rend(),
                                 [&](const OptionDescription* other) { return other->one_of == option.one_of; });
  return last == on_line.rend() || *last == &option;
}

[[noreturn]] void refuse_word(std::string word, const CommandWords& words, const OptionTable& table) {
  word.resize(std::min(word.size(), word.find('=')));
  const auto* const foreign =
      std::find_if(kForeignWords.begin(), kForeignWords.end(), [&](const ForeignWord& f) { return f.word == word; });
  if (foreign != kForeignWords.end()) throw UsageError({word, foreign->problem, "leave it out"});
  std::vector<std::string> names;
  for (const OptionDescription& option : table) {
    if (option.is_option() && option.belongs_to(words.command)) names.push_back(option.name);
  }
  throw UsageError({"command line", fmt::format("'{}' is no option of gemring {}", word, words.name),
                    fmt::format("{}gemring {} --help lists the options", did_you_mean(word, names), words.name)});
}

}  // namespace

std::string heading(Command command, const std::string& group) {
  if (command == Command::generate && group == "Prompt") {
    return "Prompt (standard input where none of the first three, and no --user-file, is given)";
  }
  if ((command == Command::plan || command == Command::simulate) && group == "Generation") return "Request";
  return group;
}

struct CommandLine::State {
  State(const OptionTable& all, const CommandWords& command_words)
      : app(std::string(command_words.description), fmt::format("gemring {}", command_words.name)),
        table(all),
        words(command_words) {}
  CLI::App app;
  const OptionTable& table;
  const CommandWords& words;
  std::vector<std::pair<const OptionDescription*, CLI::Option*>> options;

  /// What was given, in its order, as often as it was; without flags that are off.
  std::vector<const OptionDescription*> on_line() const {
    std::vector<const OptionDescription*> given;
    for (const CLI::Option* parsed : app.parse_order()) {
      for (const auto& [option, added] : options) {
        if (added == parsed && !is_off(*option, *added)) given.push_back(option);
      }
    }
    return given;
  }
};

CommandLine::CommandLine(const OptionTable& table, const CommandWords& words)
    : state_(std::make_unique<State>(table, words)) {
  CLI::App& app = state_->app;
  app.formatter(std::make_shared<HelpFormatter>());
  app.footer(footer_of(words));
  app.set_help_flag("-h,--help", "this text")->group("");
  for (const OptionDescription& option : table) {
    if (option.derived || !option.belongs_to(words.command)) continue;
    CLI::Option* const added = add_to(app, option, words.command);
    added->group(heading(words.command, option.group));
    if (!option.is_option()) app.get_formatter()->label("Positionals", option.group);
    state_->options.emplace_back(&option, added);
  }
}

CommandLine::~CommandLine() = default;

std::optional<std::vector<GivenOption>> CommandLine::parse(const std::vector<std::string>& arguments,
                                                           const std::vector<std::string>& environment) {
  const CommandWords& words = state_->words;
  try {
    state_->app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them backwards
  } catch (const CLI::CallForHelp&) {
    return std::nullopt;
  } catch (const CLI::ExtrasError&) {
    refuse_word(state_->app.remaining().at(0), words, state_->table);
  } catch (const CLI::ParseError& error) {
    throw UsageError({"command line", error.what(),
                      fmt::format("gemring {} --help lists the options with their units", words.name)});
  }
  const std::vector<const OptionDescription*> on_line = state_->on_line();
  const auto replaced = [&](const OptionDescription& option) {
    return !option.one_of.empty() && std::any_of(on_line.begin(), on_line.end(), [&](const OptionDescription* other) {
      return other->one_of == option.one_of;
    });
  };
  std::vector<GivenOption> given;
  for (const auto& [option, added] : state_->options) {
    if (added->count() > 0) {
      if (option->one_of == kOneOfLogLevels && !is_last_of(on_line, *option)) continue;
      const std::vector<std::string> texts = added->results();
      const bool is_list = option->value.kind == ValueKind::list;
      given.push_back({option, is_list ? texts : std::vector{texts.back()}, false});
    } else if (option->is_option() && !replaced(*option)) {
      const std::string value = variable(environment, option_variable(option->name));
      if (!value.empty()) given.push_back({option, {value}, true});
    }
  }
  return given;
}

std::string CommandLine::help() const {
  return state_->app.help();
}

}  // namespace gemring

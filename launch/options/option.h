// All there is to say of an option, said once. The parser, --help, the environment, request lines, the message to other
// ranks, reports, job files and the reference page are made of these descriptions; option_table() has them all. A new
// option is a field of Options and a description.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "launch/options/options.h"

namespace gemring {

enum class ValueKind : int { flag, whole, real, choice, text, list, array };  // array: JSON, of a request alone

/// Of a number, as texts that its option takes.
struct Bounds {
  std::string least;
  std::string most;
  bool above_least = false;  // `least` itself is no value
  bool odd = false;
};

/// How an option's texts become a value of Options, and how this becomes texts again.
struct OptionValue {
  ValueKind kind = ValueKind::text;
  std::vector<std::string> choices = {};  // kind choice
  std::optional<Bounds> bounds = {};      // kinds whole and real
  /// Writes the value; a list takes any number of texts, the others one. `where` is what an error names: an option, or
  /// the field of a request. Throws UsageError.
  std::function<void(Options& options, const std::vector<std::string>& texts, const std::string& where)> read = {};
  /// Texts of which read() makes the same value, to the last bit; none: it is unset.
  std::function<std::vector<std::string>(const Options& options)> texts = {};
  std::function<void(Options& options)> reset = {};  // to the default
};

/// Of input and output: "-" is standard input or output. every_rank: an input, a file or a directory, that each rank
/// opens itself; "-" is refused, for standard input is there once. output_directory: files of the command's own names
/// are written into it; no other option names what lies there.
enum class FileUse : int { none, input, output, every_rank, output_directory };

/// What messages call an input: its name, or "standard input" for "-".
std::string input_name(const std::string& file);

/// What must hold for an option to mean something. A field of a request that misses it is treated as the option is.
struct Need {
  enum class Otherwise : int { warning, error };
  std::function<bool(const Options& options)> holds = {};
  std::string problem = {};         // of the option: "means nothing without --chat"
  std::string advice = {};          // on the command line
  std::string request_advice = {};  // in a line of --requests
  Otherwise on_command_line = Otherwise::error;
  Otherwise in_request = Otherwise::error;
  std::vector<Command> commands = {};  // whose option needs it; empty: of each that has it

  bool concerns(Command command) const;
  bool is_met(const Options& options) const { return !concerns(options.command) || holds(options); }
};

inline constexpr const char* kOneOfPrompts = "prompt";       // where the prompt comes from; two are refused
inline constexpr const char* kOneOfLogLevels = "log level";  // the last one counts, as of an option given twice

struct OptionDescription {
  std::string name = {};                  // "--max-new-tokens"; one without dashes stands by its place
  std::vector<std::string> aliases = {};  // "-n", "--n-predict"
  std::string group = {};                 // heading of its part of --help
  std::string type = {};                  // "TOKENS"; of a choice: its words, of a flag: nothing
  std::string help = {};
  std::vector<Command> commands = {};  // a name may be there again for other commands, with another meaning
  OptionValue value = {};
  FileUse file = FileUse::none;
  std::string request_field = {};  // of a line of --requests; empty: not per request
  /// Of an option that names a file: what becomes of the content, where `request_field` holds that and not the name.
  std::optional<OptionValue> content = {};
  std::vector<Need> needs = {};
  std::vector<Command> required_by = {};
  std::string one_of = {};  // options of one such word stand in for each other: see above
  bool secret = false;      // its value is in no job file, no report, no log
  bool value_may_be_left_out = false;
  bool derived = false;  // no option: what follows from others or from the environment, and travels with them

  bool is_option() const { return name.starts_with("--"); }
  const OptionValue& field_value() const { return content ? *content : value; }
  bool belongs_to(Command command) const;
  bool is_required_by(Command command) const;
};

using OptionTable = std::vector<OptionDescription>;

/// Every option of every command, in the order of --help.
const OptionTable& option_table();

/// That of `command`, by its name or an alias; nullptr: there is none.
const OptionDescription* find_option(const OptionTable& table, Command command, std::string_view name);

/// An option that was given, and how.
struct GivenOption {
  const OptionDescription* option = nullptr;
  std::vector<std::string> texts;
  bool from_environment = false;
};

/// The texts of an option where nothing is given; none: unset.
std::vector<std::string> default_texts(const OptionDescription& option);

}  // namespace gemring

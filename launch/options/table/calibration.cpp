// Options of `calibrate` that no other command has.
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

using enum Command;

constexpr std::int32_t kMostSamples = 1000;

Need asks_needles() {
  return {.holds = [](const Options& options) { return !options.calibrate.questions.has_value(); },
          .problem = "means nothing with --questions",
          .advice = "leave it out: the questions bring their texts with them",
          .on_command_line = Need::Otherwise::warning};
}

void add_prompts(OptionTable& table) {
  table.push_back({.name = "--texts",
                   .group = "Calibration",
                   .type = "DIR",
                   .help = "hide answers in pieces of its files *.txt. Unset: in a book that the program has with it",
                   .commands = {calibrate},
                   .value = text([](auto& options) -> auto& { return options.calibrate.texts; }),
                   .needs = {asks_needles()}});
  table.push_back({.name = "--questions",
                   .group = "Calibration",
                   .type = "FILE",
                   .help = "ask these instead: lines {\"text\": TEXT or \"file\": FILE, \"question\": TEXT, "
                           "\"answer\": TEXT};\nthe answer stands in its text as it is written here",
                   .commands = {calibrate},
                   .value = text([](auto& options) -> auto& { return options.calibrate.questions; }),
                   .file = FileUse::input});
  table.push_back({.name = "--lengths",
                   .group = "Calibration",
                   .type = "LIST",
                   .help = "tokens of the prompts, about; one number or several, with commas between them",
                   .commands = {calibrate},
                   .value = text([](auto& options) -> auto& { return options.calibrate.lengths; }),
                   .needs = {asks_needles()}});
  table.push_back({.name = "--samples",
                   .group = "Calibration",
                   .type = "N",
                   .help = "prompts of each of the seven kinds and each length; even ones choose, odd ones confirm",
                   .commands = {calibrate},
                   .value = number([](auto& options) -> auto& { return options.calibrate.samples; },
                                   {.least = 1, .most = kMostSamples}),
                   .needs = {asks_needles()}});
  table.push_back({.name = "--seed",
                   .aliases = {"-s"},
                   .group = "Calibration",
                   .type = "N",
                   .help = "of the prompts. -1: draw one and say which",
                   .commands = {calibrate},
                   .value = seed(
                       [](auto& options) -> auto& { return options.calibrate.seed; },
                       [](auto& options) -> auto& { return options.calibrate.draw_seed; }),
                   .needs = {asks_needles()}});
}

}  // namespace

void add_calibration_options(OptionTable& table) {
  add_prompts(table);
  table.push_back({.name = "--windows",
                   .group = "Calibration",
                   .type = "LIST",
                   .help =
                       "keys that layers below the scoring ones may see, to be compared: 1024 sees the last 1,024 and\n"
                       "a few sink tokens, in time linear in the text; 0 sees all. Each takes a pass over every prompt",
                   .commands = {calibrate},
                   .value = text([](auto& options) -> auto& { return options.calibrate.windows; })});
  table.push_back({.name = "--target",
                   .group = "Calibration",
                   .type = "SHARE",
                   .help =
                       "of the answers' tokens that must be among the best sixteenth of the prompt, or 128 tokens,\n"
                       "beside what is kept anyway",
                   .commands = {calibrate},
                   .value = number([](auto& options) -> auto& { return options.calibrate.target; },
                                   {.least = 0, .most = 1, .above_least = true})});
  table.push_back(
      {.name = "--output",
       .aliases = {"-o"},
       .group = "Calibration",
       .type = "FILE",
       .help = "the profile. Unset: this user's cache, where other commands find it by the model's fingerprint",
       .commands = {calibrate},
       .value = text([](auto& options) -> auto& { return options.calibrate.output_file; }),
       .file = FileUse::output});
  table.push_back({.name = "--picture",
                   .group = "Calibration",
                   .type = "FILE",
                   .help = "recall by layer as SVG",
                   .commands = {calibrate},
                   .value = text([](auto& options) -> auto& { return options.calibrate.picture; }),
                   .file = FileUse::output});
}

}  // namespace gemring

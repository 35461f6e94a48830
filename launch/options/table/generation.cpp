// What is kept of a prompt and how an answer is generated.
#include "engine/selection/pooling.h"
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

using enum Command;

const std::vector<Command> kFiltering = {generate, plan, simulate, bench, index, ask, chat, serve, launch};
const std::vector<Command> kSelecting = {generate, plan, simulate, bench, eval, ask, chat, serve, launch};
const std::vector<Command> kSampling = {generate, ask, chat, serve, launch};

/// What options of the filter need.
std::vector<Need> a_filter() {
  const Need method = {.holds = [](const Options& options) { return options.filter.method != Method::full; },
                       .problem = "means nothing with --method full",
                       .advice = "leave it out",
                       .request_advice = "leave it out",
                       .on_command_line = Need::Otherwise::warning,
                       .in_request = Need::Otherwise::warning,
                       .commands = {generate, plan, simulate, launch}};
  const Need benchmark = {
      .holds = [](const Options& options) { return options.bench.benchmark == Benchmark::gemfilter; },
      .problem = "means nothing but for bench gemfilter",
      .advice = "leave it out",
      .on_command_line = Need::Otherwise::warning,
      .in_request = Need::Otherwise::warning,
      .commands = {bench}};
  return {method, benchmark};
}

/// What another model's filter pass needs: without one nothing of that model would be read.
std::vector<Need> a_filter_pass() {
  return {{.holds = [](const Options& options) { return options.filter.method != Method::full; },
           .problem = "goes with no --method full: nothing filters there",
           .advice = "leave one of the two out",
           .commands = {generate, plan, simulate, launch}},
          {.holds = [](const Options& options) { return options.bench.benchmark == Benchmark::gemfilter; },
           .problem = "is for bench gemfilter: no other benchmark filters",
           .advice = "leave it out, or measure bench gemfilter",
           .commands = {bench}}};
}

/// What options of tokens that are kept whatever their score need.
std::vector<Need> a_filter_with_forced_tokens() {
  std::vector<Need> needs = a_filter();
  needs.push_back({.holds = [](const Options& o) { return o.filter.selection.policy != SelectionPolicy::paper; },
                   .problem = "means nothing with --selection paper",
                   .advice = "leave it out",
                   .request_advice = "leave it out",
                   .on_command_line = Need::Otherwise::warning,
                   .in_request = Need::Otherwise::warning});
  return needs;
}

Need tokens_are_drawn() {
  return {.holds = [](const Options& options) { return options.generate.sampling.temperature > 0; },
          .problem = "means nothing at temperature 0, where the likeliest token is always taken",
          .advice = "give --temperature 0.7, or leave it out",
          .request_advice = "give a temperature, or leave it out",
          .on_command_line = Need::Otherwise::warning,
          .in_request = Need::Otherwise::warning,
          .commands = {generate, ask, chat, launch}};  // a server's meet temperatures of its requests
}

Need something_is_penalised() {
  return {.holds =
              [](const Options& options) {
                const PenaltyOptions& penalties = options.generate.sampling.penalties;
                return penalties.repeat != 1 || penalties.presence != 0 || penalties.frequency != 0;
              },
          .problem = "means nothing without a penalty",
          .advice = "give --repeat-penalty 1.1, or leave it out",
          .request_advice = "give a repeat_penalty, or leave it out",
          .on_command_line = Need::Otherwise::warning,
          .in_request = Need::Otherwise::warning,
          .commands = {generate, ask, chat, launch}};
}

Need penalties_look_back() {
  return {.holds = [](const Options& options) { return options.generate.sampling.penalties.last_n != 0; },
          .problem = "means nothing with --repeat-last-n 0",
          .advice = "give --repeat-last-n 64, or leave it out",
          .request_advice = "give a repeat_last_n, or leave it out",
          .on_command_line = Need::Otherwise::warning,
          .in_request = Need::Otherwise::warning,
          .commands = {generate, ask, chat, launch}};
}

void add_penalties(OptionTable& table) {
  table.push_back(
      {.name = "--repeat-penalty",
       .group = "Generation",
       .type = "X",
       .help = "logits of tokens that are there already are divided by it (multiplied where negative); 1: none",
       .commands = kSampling,
       .value = number([](auto& options) -> auto& { return options.generate.sampling.penalties.repeat; },
                       {.least = 0.01, .most = 100}),
       .request_field = "repeat_penalty",
       .needs = {penalties_look_back()}});
  table.push_back({.name = "--presence-penalty",
                   .group = "Generation",
                   .type = "X",
                   .help = "taken from the logits of tokens that are there already; 0: none",
                   .commands = kSampling,
                   .value = number([](auto& options) -> auto& { return options.generate.sampling.penalties.presence; },
                                   {.least = -100, .most = 100}),
                   .request_field = "presence_penalty",
                   .needs = {penalties_look_back()}});
  table.push_back({.name = "--frequency-penalty",
                   .group = "Generation",
                   .type = "X",
                   .help = "taken from them as often as they are there; 0: none",
                   .commands = kSampling,
                   .value = number([](auto& options) -> auto& { return options.generate.sampling.penalties.frequency; },
                                   {.least = -100, .most = 100}),
                   .request_field = "frequency_penalty",
                   .needs = {penalties_look_back()}});
  table.push_back({.name = "--repeat-last-n",
                   .group = "Generation",
                   .type = "TOKENS",
                   .help = "penalties look back over so many tokens of prompt and answer; -1: over all, 0: over none",
                   .commands = kSampling,
                   .value = number([](auto& options) -> auto& { return options.generate.sampling.penalties.last_n; },
                                   {.least = -1, .most = kMostTokens}),
                   .request_field = "repeat_last_n",
                   .needs = {something_is_penalised()}});
}

/// Which layers and heads score the tokens.
void add_scoring_options(OptionTable& table) {
  const OptionValue filter_model = text([](auto& options) -> auto& { return options.filter.model; });
  table.push_back({.name = "--filter-model",
                   .group = "Filter",
                   .type = "PATH",
                   .help = "another model, as --model, whose first layers choose the tokens, and\n"
                           "options and profiles of the filter are its own. A small one filters fast for a large one",
                   .commands = {generate, index, ask, chat, serve, launch},
                   .value = filter_model,
                   .file = FileUse::every_rank,
                   .needs = a_filter_pass()});
  table.push_back({.name = "--filter-model",
                   .group = "Filter",
                   .type = "PATH",
                   .help = "another model whose first layers choose the tokens: as --model, or a CONFIG.json, as "
                           "--random-weights",
                   .commands = {plan, simulate, bench},
                   .value = filter_model,
                   .file = FileUse::every_rank,
                   .needs = a_filter_pass()});
  table.push_back({.name = "--filter-layer",
                   .group = "Filter",
                   .type = "R",
                   .help = "layers below R read the whole prompt (0-based); a layer too early misses the answer.\n"
                           "Unset: as the model's filter profile says",
                   .commands = kFiltering,
                   .value = number([](auto& options) -> auto& { return options.filter.filter_layer; },
                                   {.least = 0, .most = 65'536}),
                   .needs = a_filter()});
  table.push_back(
      {.name = "--filter-profile",
       .group = "Filter",
       .type = "FILE",
       .help = "which layers and heads choose the tokens, as JSON of profile.proto.\n"
               "Unset: gemring.json of the model's directory or NAME.gemring.json beside a GGUF file, else what\n"
               "is known of a published model, else layer 0.6 x layers, with a warning",
       .commands = kFiltering,
       .value = text([](auto& options) -> auto& { return options.filter.filter_profile; }),
       .file = FileUse::input,
       .needs = a_filter()});
  table.push_back(
      {.name = "--no-calibrate",
       .group = "Filter",
       .help = "a model whose filter nobody has measured is filtered at layer 0.6 x layers, with a warning;\n"
               "else it is measured before the first answer, once, and its profile is kept in this user's cache",
       .commands = {generate, eval, index, ask, chat, serve, launch},
       .value = flag([](auto& options) -> auto& { return options.filter.no_calibrate; }),
       .needs = a_filter()});
}

/// What is kept whatever its score.
void add_forced_options(OptionTable& table) {
  table.push_back({.name = "--keep-first",
                   .group = "Filter",
                   .type = "TOKENS",
                   .help =
                       "kept at the beginning whatever their score. Unset: 4, and of a chat the system message (up\n"
                       "to 1024) and the markup",
                   .commands = kSelecting,
                   .value = number([](auto& options) -> auto& { return options.filter.selection.keep_first; },
                                   {.least = 0, .most = kMostTokens}),
                   .request_field = "keep_first",
                   .needs = a_filter_with_forced_tokens()});
  table.push_back({.name = "--keep-last",
                   .group = "Filter",
                   .type = "TOKENS",
                   .help =
                       "kept at the end whatever their score, and no question anywhere else. Unset: --question, or\n"
                       "the last paragraph of at most 256, else 64, and a first one of at most 128; of a\n"
                       "conversation its last messages, up to 1024",
                   .commands = kSelecting,
                   .value = number([](auto& options) -> auto& { return options.filter.selection.keep_last; },
                                   {.least = 0, .most = kMostTokens}),
                   .request_field = "keep_last",
                   .needs = a_filter_with_forced_tokens()});
}

}  // namespace

void add_filter_options(OptionTable& table) {
  table.push_back({.name = "--method",
                   .group = "Filter",
                   .help = "full: no filter, every token goes through every layer",
                   .commands = {generate, plan, simulate, launch},
                   .value = choice([](auto& options) -> auto& { return options.filter.method; },
                                   {{"gemfilter", Method::gemfilter}, {"full", Method::full}})});
  add_scoring_options(table);
  table.push_back({.name = "--keep",
                   .group = "Filter",
                   .type = "TOKENS",
                   .help = "length of the compressed prompt, forced tokens included. Unset: prompt/16, at least 512\n"
                           "and 256 beside the forced ones, at most 4096 and what the model's positions leave",
                   .commands = kSelecting,
                   .value = number([](auto& options) -> auto& { return options.filter.selection.keep; },
                                   {.least = 1, .most = kMostTokens}),
                   .request_field = "keep",
                   .needs = a_filter()});
  table.push_back({.name = "--pool",
                   .group = "Filter",
                   .type = "TOKENS",
                   .help = "odd width of the average over neighbouring scores; 1 turns it off",
                   .commands = kSelecting,
                   .value = number([](auto& options) -> auto& { return options.filter.selection.pool_width; },
                                   {.least = 1, .most = kWidestPool, .odd = true}),
                   .request_field = "pool",
                   .needs = a_filter()});
  add_forced_options(table);
  table.push_back({.name = "--keep-unit",
                   .group = "Filter",
                   .help = "what is kept or left out as one: tokens, chunks of 32, or lines or sentences of the text.\n"
                           "Unset: as the model's filter profile says, else tokens",
                   .commands = {generate, eval, ask, chat, serve, launch},
                   .value = choice([](auto& options) -> auto& { return options.filter.selection.unit; },
                                   {{"tokens", KeepUnit::tokens},
                                    {"chunks", KeepUnit::chunks},
                                    {"lines", KeepUnit::lines},
                                    {"sentences", KeepUnit::sentences}}),
                   .request_field = "keep_unit",
                   .needs = a_filter_with_forced_tokens()});
  table.push_back({.name = "--selection",
                   .group = "Filter",
                   .help = "paper: nothing is kept but by its score (arXiv 2409.17422)",
                   .commands = kSelecting,
                   .value = choice([](auto& options) -> auto& { return options.filter.selection.policy; },
                                   {{"forced", SelectionPolicy::forced}, {"paper", SelectionPolicy::paper}}),
                   .request_field = "selection",
                   .needs = a_filter()});
}

namespace {

void add_stop_strings(OptionTable& table) {
  table.push_back({.name = "--stop",
                   .group = "Generation",
                   .type = "TEXT",
                   .help = "ends the answer, and is no part of it. Again for more such texts",
                   .commands = {generate, ask, chat, launch},
                   .value = list([](auto& options) -> auto& { return options.generate.stop; }),
                   .request_field = "stop"});
}

}  // namespace

void add_generation_options(OptionTable& table) {
  table.push_back({.name = "--max-new-tokens",
                   .aliases = {"-n", "--n-predict", "--predict"},
                   .group = "Generation",
                   .type = "TOKENS",
                   .help = "stop after this many",
                   .commands = {generate, plan, simulate, ask, chat, launch},
                   .value = number([](auto& options) -> auto& { return options.generate.max_new_tokens; },
                                   {.least = 1, .most = kMostTokens}),
                   .request_field = "max_new_tokens"});
  table.push_back({.name = "--ignore-eos",
                   .group = "Generation",
                   .help = "go on behind the model's end tokens",
                   .commands = {generate, ask, chat, launch},
                   .value = flag([](auto& options) -> auto& { return options.generate.ignore_eos; }),
                   .request_field = "ignore_eos"});
  table.push_back({.name = "--temperature",
                   .aliases = {"--temp"},
                   .group = "Generation",
                   .type = "T",
                   .help = "0: always the likeliest token; 0.7 to 1.0 for open text",
                   .commands = kSampling,
                   .value = number([](auto& options) -> auto& { return options.generate.sampling.temperature; },
                                   {.least = 0, .most = 1000}),
                   .request_field = "temperature"});
  table.push_back({.name = "--top-k",
                   .group = "Generation",
                   .type = "TOKENS",
                   .help = "sample among this many likeliest; 0: among all",
                   .commands = kSampling,
                   .value = number([](auto& options) -> auto& { return options.generate.sampling.top_k; },
                                   {.least = 0, .most = kMostTokens}),
                   .request_field = "top_k",
                   .needs = {tokens_are_drawn()}});
  table.push_back({.name = "--top-p",
                   .group = "Generation",
                   .type = "P",
                   .help = "sample among the likeliest that together have this probability",
                   .commands = kSampling,
                   .value = number([](auto& options) -> auto& { return options.generate.sampling.top_p; },
                                   {.least = 0, .most = 1, .above_least = true}),
                   .request_field = "top_p",
                   .needs = {tokens_are_drawn()}});
  table.push_back(
      {.name = "--min-p",
       .group = "Generation",
       .type = "P",
       .help = "sample among those with at least this share of the likeliest one's probability; 0: among all",
       .commands = kSampling,
       .value = number([](auto& options) -> auto& { return options.generate.sampling.min_p; }, {.least = 0, .most = 1}),
       .request_field = "min_p",
       .needs = {tokens_are_drawn()}});
  table.push_back({.name = "--seed",
                   .aliases = {"-s"},
                   .group = "Generation",
                   .type = "N",
                   .help = "of the random numbers; the same text for any number of ranks,\n"
                           "up to ties closer than rounding. -1: draw one and say which",
                   .commands = kSampling,
                   .value = seed(
                       [](auto& options) -> auto& { return options.generate.sampling.seed; },
                       [](auto& options) -> auto& { return options.generate.draw_seed; }),
                   .request_field = "seed",
                   .needs = {tokens_are_drawn()}});
  add_penalties(table);
  add_stop_strings(table);
}

}  // namespace gemring

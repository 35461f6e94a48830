// Options of `eval` that no other command has.
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

using enum Command;

constexpr std::int32_t kMostCaseSamples = 100'000;

Need of_suites(std::vector<EvalSuite> suites, const char* problem) {
  return {.holds =
              [suites = std::move(suites)](const Options& options) {
                for (const EvalSuite suite : suites) {
                  if (suite == options.eval.suite) return true;
                }
                return false;
              },
          .problem = problem,
          .advice = "leave it out",
          .on_command_line = Need::Otherwise::warning};
}

void add_what_is_asked(OptionTable& table) {
  table.push_back({.name = "suite",
                   .group = "Evaluation",
                   .help = "niah: a needle in a book, by depth and length; ruler: RULER's tasks (arXiv 2404.06654) of "
                           "retrieval, tracking and aggregation;\n"
                           "qa: questions about a book, or yours",
                   .commands = {eval},
                   .value = choice([](auto& options) -> auto& { return options.eval.suite; },
                                   {{"niah", EvalSuite::niah}, {"ruler", EvalSuite::ruler}, {"qa", EvalSuite::qa}}),
                   .required_by = {eval}});
  table.push_back({.name = "--tasks",
                   .group = "Evaluation",
                   .type = "LIST",
                   .help =
                       "of niah_single_1 to 3, niah_multikey_1 to 3, niah_multivalue, niah_multiquery and, of ruler,\n"
                       "vt, cwe, fwe. Unset: all, of niah niah_single_2",
                   .commands = {eval},
                   .value = text([](auto& options) -> auto& { return options.eval.tasks; }),
                   .needs = {of_suites({EvalSuite::niah, EvalSuite::ruler}, "means nothing for eval qa")}});
  table.push_back({.name = "--lengths",
                   .group = "Evaluation",
                   .type = "LIST",
                   .help = "tokens of a prompt with its answer, never more; numbers with commas, A..B doubles",
                   .commands = {eval},
                   .value = text([](auto& options) -> auto& { return options.eval.lengths; })});
  table.push_back({.name = "--depths",
                   .group = "Evaluation",
                   .type = "LIST",
                   .help = "where needles stand, in percent of the text",
                   .commands = {eval},
                   .value = text([](auto& options) -> auto& { return options.eval.depths; }),
                   .needs = {of_suites({EvalSuite::niah}, "means nothing but for eval niah: the others draw depths")}});
  table.push_back({.name = "--samples",
                   .group = "Evaluation",
                   .type = "N",
                   .help = "cases of each task and length, of niah also of each depth. Unset: 3, of qa every question",
                   .commands = {eval},
                   .value = number([](auto& options) -> auto& { return options.eval.samples; },
                                   {.least = 1, .most = kMostCaseSamples})});
  table.push_back(
      {.name = "--max-new-tokens",
       .aliases = {"-n", "--n-predict", "--predict"},
       .group = "Evaluation",
       .type = "TOKENS",
       .help = "stop after this many. Unset: RULER's numbers, 128 for needles, vt 30, cwe 120, fwe 50, qa 32",
       .commands = {eval},
       .value = number([](auto& options) -> auto& { return options.eval.max_new_tokens; },
                       {.least = 1, .most = kMostTokens})});
  table.push_back({.name = "--seed",
                   .aliases = {"-s"},
                   .group = "Evaluation",
                   .type = "N",
                   .help = "of the cases. -1: draw one and say which",
                   .commands = {eval},
                   .value = seed(
                       [](auto& options) -> auto& { return options.eval.seed; },
                       [](auto& options) -> auto& { return options.eval.draw_seed; })});
}

void add_texts(OptionTable& table) {
  table.push_back({.name = "--texts",
                   .group = "Evaluation",
                   .type = "DIR",
                   .help = "ask in its files *.txt. Unset: in a book that the program has with it",
                   .commands = {eval},
                   .value = text([](auto& options) -> auto& { return options.eval.texts; }),
                   .needs = {of_suites({EvalSuite::niah, EvalSuite::ruler}, "means nothing for eval qa")}});
  table.push_back({.name = "--questions",
                   .group = "Evaluation",
                   .type = "FILE",
                   .help =
                       "of qa: lines {\"text\": TEXT or \"file\": FILE, \"question\": TEXT, \"answer\": TEXT or "
                       "\"answers\": [TEXT, ...]},\n"
                       "and \"passage\" where the answer stands elsewhere too. Unset: some about the program's book",
                   .commands = {eval},
                   .value = text([](auto& options) -> auto& { return options.eval.questions; }),
                   .file = FileUse::input,
                   .needs = {of_suites({EvalSuite::qa}, "means nothing but for eval qa")}});
}

}  // namespace

void add_eval_options(OptionTable& table) {
  add_what_is_asked(table);
  add_texts(table);
  table.push_back(
      {.name = "--methods",
       .group = "Evaluation",
       .type = "LIST",
       .help =
           "answer every case with each of them: full (no filter), gemfilter or gemfilter=LAYER (as published),\n"
           "profile (what generate takes) or profile=FILE, filter-model=MODEL (--filter-model); with commas between "
           "them",
       .commands = {eval},
       .value = text([](auto& options) -> auto& { return options.eval.methods; })});
  table.push_back({.name = "--parallel",
                   .group = "Evaluation",
                   .type = "N",
                   .help = "cases in flight; with more than one, seconds of a case are also those of others",
                   .commands = {eval},
                   .value = number([](auto& options) -> auto& { return options.eval.parallel; },
                                   {.least = 1, .most = kMostParallel})});
  table.push_back({.name = "--output",
                   .aliases = {"-o"},
                   .group = "Evaluation",
                   .type = "DIR",
                   .help = "cases.jsonl, table.txt, heat maps, report.html. Cases that are there are not run again",
                   .commands = {eval},
                   .value = text([](auto& options) -> auto& { return options.eval.output; }),
                   .file = FileUse::output_directory,
                   .required_by = {eval}});
}

}  // namespace gemring

// Several requests in one run, and what is kept between them.
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {

using enum Command;

void add_requests_options(OptionTable& table) {
  table.push_back(
      {.name = "--requests",
       .group = "Many requests",
       .type = "FILE",
       .help =
           "answer a JSON object a line (- is standard input), each with a JSON line on standard output, in order:\n"
           "id, prompt or prompt_file or prompt_ids or messages, and what it wants otherwise than said here, by the "
           "options'\n"
           "names: question, system, keep, max_new_tokens, temperature, seed, ... A bad line gets an error in its\n"
           "place; the exit code is then 8",
       .commands = {generate},
       .value = text([](auto& options) -> auto& { return options.requests.file; }),
       .file = FileUse::input});
  const OptionValue parallel =
      number([](auto& options) -> auto& { return options.requests.parallel; }, {.least = 1, .most = kMostParallel});
  table.push_back(
      {.name = "--parallel",
       .group = "Many requests",
       .type = "N",
       .help = "requests that the stages work on at a time; each has a KV cache. Unset: one more than there are stages",
       .commands = {generate},
       .value = parallel,
       .needs = {{.holds = [](const Options& options) { return options.requests.file.has_value(); },
                  .problem = "means nothing without --requests",
                  .advice = "add --requests FILE, or leave it out"}}});
  const OptionValue index = number([](auto& options) -> auto& { return options.requests.index_memory; },
                                   {.least = 0, .most = kMostGib * 1024});
  const std::string index_help =
      "of all filter ranks together, for texts that a windowed filter has read: what begins alike (another\n"
      "question about it) is not read again, and answers stay the same to the bit. 0: nothing is kept";
  table.push_back({.name = "--index-memory",
                   .group = "Many requests",
                   .type = "MIB",
                   .help = index_help,
                   .commands = {generate},
                   .value = index,
                   .needs = {{.holds = [](const Options& options) { return options.requests.file.has_value(); },
                              .problem = "means nothing without --requests",
                              .advice = "add --requests FILE, or leave it out",
                              .on_command_line = Need::Otherwise::warning}}});
  table.push_back({.name = "--index-memory",
                   .group = "Service",
                   .type = "MIB",
                   .help = index_help,
                   .commands = {chat, serve},
                   .value = index});
  table.push_back({.name = "--parallel",
                   .group = "Generation",
                   .type = "N",
                   .help =
                       "memory for so many such requests in the stages at a time, as with generate --requests. Unset: "
                       "for one by itself",
                   .commands = {plan, simulate},
                   .value = parallel});
}

}  // namespace gemring

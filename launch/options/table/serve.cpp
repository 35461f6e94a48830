// Options of `serve` that no other command has.
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

using enum Command;

constexpr std::int32_t kMostPort = 65'535;
constexpr std::int32_t kMostQueue = 1'000'000;
constexpr std::int32_t kMostBodyMib = 4096;

void add_address(OptionTable& table) {
  table.push_back({.name = "--host",
                   .group = "Service",
                   .type = "ADDRESS",
                   .help = "to listen on; 0.0.0.0: all of this machine's. Beyond the machine itself a key is wanted",
                   .commands = {serve},
                   .value = text([](auto& options) -> auto& { return options.serve.host; })});
  table.push_back(
      {.name = "--port",
       .group = "Service",
       .type = "N",
       .help = "0: any that is free, which is said",
       .commands = {serve},
       .value = number([](auto& options) -> auto& { return options.serve.port; }, {.least = 0, .most = kMostPort})});
  table.push_back({.name = "--alias",
                   .group = "Service",
                   .type = "NAME",
                   .help = "what clients see as the model's name. Unset: that of its file or directory",
                   .commands = {serve},
                   .value = text([](auto& options) -> auto& { return options.serve.alias; })});
}

void add_access(OptionTable& table) {
  table.push_back({.name = "--api-key",
                   .group = "Service",
                   .type = "KEY",
                   .help = "what clients have to send, as Authorization: Bearer KEY or x-api-key. Other users of this\n"
                           "machine see a command line: GEMRING_API_KEY or --api-key-file are not seen",
                   .commands = {serve},
                   .value = text([](auto& options) -> auto& { return options.serve.api_key; }),
                   .secret = true});
  table.push_back({.name = "--api-key-file",
                   .group = "Service",
                   .type = "FILE",
                   .help = "whose first line is the key",
                   .commands = {serve},
                   .value = text([](auto& options) -> auto& { return options.serve.api_key_file; }),
                   .file = FileUse::input,
                   .needs = {{.holds = [](const Options& options) { return !options.serve.api_key; },
                              .problem = "goes with no --api-key",
                              .advice = "leave one of the two out"}}});
  table.push_back({.name = "--no-api-key",
                   .group = "Service",
                   .help = "everybody may ask, from other machines too",
                   .commands = {serve},
                   .value = flag([](auto& options) -> auto& { return options.serve.no_api_key; }),
                   .needs = {{.holds = [](const Options& o) { return !o.serve.api_key && !o.serve.api_key_file; },
                              .problem = "goes with no key",
                              .advice = "leave it out, or the key"}}});
  table.push_back(
      {.name = "--allowed-host",
       .group = "Service",
       .type = "NAME",
       .help = "by which requests may call this server (Host), beside localhost and addresses. Again for more",
       .commands = {serve},
       .value = list([](auto& options) -> auto& { return options.serve.allowed_hosts; })});
  table.push_back({.name = "--cors-origin",
                   .group = "Service",
                   .type = "ORIGIN",
                   .help = "whose pages may ask in a browser, such as https://example.org; *: all",
                   .commands = {serve},
                   .value = text([](auto& options) -> auto& { return options.serve.cors_origin; })});
}

void add_limits(OptionTable& table) {
  table.push_back({.name = "--parallel",
                   .group = "Service",
                   .type = "N",
                   .help = "answers that the stages work on at a time; each has a KV cache. Unset: one more than there "
                           "are stages",
                   .commands = {serve},
                   .value = number([](auto& options) -> auto& { return options.requests.parallel; },
                                   {.least = 1, .most = kMostParallel})});
  table.push_back(
      {.name = "--queue",
       .group = "Service",
       .type = "N",
       .help = "requests that may wait beside those; more are told to come again (429)",
       .commands = {serve},
       .value = number([](auto& options) -> auto& { return options.serve.queue; }, {.least = 0, .most = kMostQueue})});
  table.push_back({.name = "--request-timeout",
                   .group = "Service",
                   .type = "SECONDS",
                   .help = "from a request's arrival to the end of its answer; 0: none",
                   .commands = {serve},
                   .value = number([](auto& options) -> auto& { return options.serve.request_timeout; },
                                   {.least = 0, .most = 31'536'000})});
  table.push_back({.name = "--max-body",
                   .group = "Service",
                   .type = "MIB",
                   .help = "of a request",
                   .commands = {serve},
                   .value = number([](auto& options) -> auto& { return options.serve.max_body; },
                                   {.least = 1, .most = kMostBodyMib})});
  table.push_back(
      {.name = "--max-prompt",
       .group = "Service",
       .type = "TOKENS",
       .help = "of a prompt; memory is planned for it. Unset: what the filter can read (of a windowed one a "
               "million)\nand memory has room for",
       .commands = {serve},
       .value =
           number([](auto& options) -> auto& { return options.serve.max_prompt; }, {.least = 1, .most = kMostTokens})});
  table.push_back({.name = "--max-keep",
                   .group = "Service",
                   .type = "TOKENS",
                   .help = "of a prompt that all layers read. Unset: 4096, or what the positions leave",
                   .commands = {serve},
                   .value = number([](auto& options) -> auto& { return options.serve.max_keep; },
                                   {.least = 1, .most = kMostTokens})});
  table.push_back(
      {.name = "--max-new-tokens",
       .aliases = {"-n"},
       .group = "Service",
       .type = "TOKENS",
       .help = "of an answer, also where a request does not say. Unset: 4096, or a quarter of the positions",
       .commands = {serve},
       .value = number([](auto& options) -> auto& { return options.serve.max_new_tokens; },
                       {.least = 1, .most = kMostTokens})});
}

void add_index_directory(OptionTable& table) {
  const Need index_memory = {.holds = [](const Options& options) { return options.requests.index_memory > 0; },
                             .problem = "goes with no --index-memory 0: what is read from disk is held there",
                             .advice = "leave one of the two out"};
  table.push_back({.name = "--index-dir",
                   .group = "Service",
                   .type = "DIR",
                   .help = "texts that are kept by name (POST /v1/texts) are written there and outlive the service:\n"
                           "none of them is read again by the filter",
                   .commands = {serve},
                   .value = text([](auto& options) -> auto& { return options.serve.index_dir; }),
                   .file = FileUse::output_directory,
                   .needs = {index_memory}});
  table.push_back({.name = "--index-disk",
                   .group = "Service",
                   .type = "MIB",
                   .help = "of all of them; the one that was asked longest ago goes first",
                   .commands = {serve},
                   .value = number([](auto& options) -> auto& { return options.serve.index_disk; },
                                   {.least = 1, .most = kMostGib * 1024}),
                   .needs = {{.holds = [](const Options& options) { return options.serve.index_dir.has_value(); },
                              .problem = "means nothing without --index-dir",
                              .advice = "leave it out",
                              .on_command_line = Need::Otherwise::warning}}});
}

}  // namespace

void add_serve_options(OptionTable& table) {
  add_address(table);
  add_access(table);
  add_limits(table);
  add_index_directory(table);
}

}  // namespace gemring

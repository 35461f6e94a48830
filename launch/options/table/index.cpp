// Options of `index` and `ask` that no other command has.
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {

void add_index_options(OptionTable& table) {
  using enum Command;
  table.push_back({.name = "text",
                   .group = "Index",
                   .type = "TEXT",
                   .help = "file of UTF-8 text (- is standard input): read once, as the user's message in the model's "
                           "chat format\nwhere it has one that gemring knows, else as it is",
                   .commands = {index},
                   .value = text([](auto& options) -> auto& { return options.index.text_file; }),
                   .file = FileUse::input,
                   .required_by = {index}});
  table.push_back({.name = "--output",
                   .aliases = {"-o"},
                   .group = "Index",
                   .type = "FILE",
                   .help = "what the filter has read, for gemring ask: about a kilobyte a token",
                   .commands = {index},
                   .value = text([](auto& options) -> auto& { return options.index.file; }),
                   .file = FileUse::output,
                   .required_by = {index}});
  table.push_back({.name = "index",
                   .group = "Index",
                   .type = "FILE",
                   .help = "what gemring index wrote, with the same model, filter and --compute",
                   .commands = {ask},
                   .value = text([](auto& options) -> auto& { return options.index.file; }),
                   .file = FileUse::input,
                   .required_by = {ask}});
  table.push_back({.name = "--index",
                   .group = "Chat",
                   .type = "FILE",
                   .help = "what gemring index wrote: the text in front of the first message, which is not read again",
                   .commands = {chat},
                   .value = text([](auto& options) -> auto& { return options.index.of_chat; }),
                   .file = FileUse::input,
                   .one_of = kOneOfPrompts});
}

}  // namespace gemring

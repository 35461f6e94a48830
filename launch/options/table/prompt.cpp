// The model, the prompt, and the prompt as a chat.
#include "launch/options/option_value.h"
#include "launch/options/table/table.h"

namespace gemring {
namespace {

using enum Command;

Need chat_is_on() {
  return {.holds = [](const Options& options) { return options.prompt.chat.on; },
          .problem = "means nothing without --chat",
          .advice = "add --chat, or leave it out",
          .request_advice = "start gemring with --chat, or leave it out",
          .commands = {generate, launch}};
}

const char* const kTextOrIds = "give the prompt as text, or all of it as ids";

/// Of the question: its place behind the ids is for whoever made them.
Need prompt_is_text() {
  return {.holds = [](const Options& options) { return !options.prompt.ids && !options.prompt.ids_file; },
          .problem = "goes with no --prompt-ids",
          .advice = "put the question's ids into the file and say how many they are with --keep-last",
          .request_advice = kTextOrIds,
          .commands = {generate, launch}};
}

/// Of token ids, where a prompt may be text as well.
Need is_all_of_the_prompt() {
  return {.holds = [](const Options& options) { return !options.prompt.question; },
          .problem = "goes with no --question",
          .advice = "put the question's ids into the file and say how many they are with --keep-last",
          .request_advice = kTextOrIds,
          .commands = {generate, launch}};
}
Need is_no_chat() {
  return {.holds = [](const Options& options) { return !options.prompt.chat.on; },
          .problem = "goes with no --chat",
          .advice = "give the text with --user-file, or the ids of the whole chat without --chat",
          .request_advice = kTextOrIds,
          .commands = {generate, launch}};
}

/// Of what is done with texts.
Need there_is_a_text() {
  return {.holds = [](const Options& o) { return (!o.prompt.ids && !o.prompt.ids_file) || !o.generate.stop.empty(); },
          .problem = "means nothing with --prompt-ids",
          .advice = "leave it out",
          .request_advice = "leave it out",
          .on_command_line = Need::Otherwise::warning,
          .in_request = Need::Otherwise::warning,
          .commands = {generate, launch}};
}

}  // namespace

void add_model_options(OptionTable& table) {
  const OptionValue path = text([](auto& options) -> auto& { return options.model_directory; });
  table.push_back(
      {.name = "--model",
       .aliases = {"-m"},
       .group = "Model",
       .type = "PATH",
       .help = "directory with config.json, model.safetensors (or its shards) and tokenizer.json; or a GGUF file",
       .commands = {generate, logits, plan, simulate, inspect, bench, calibrate, eval, index, ask, chat, serve, launch},
       .value = path,
       .file = FileUse::every_rank,
       .needs = {measures_a_model()},
       .required_by = {generate, logits, inspect, calibrate, eval, index, ask, chat, serve, launch}});
  table.push_back({.name = "--model",
                   .aliases = {"-m"},
                   .group = "Model",
                   .type = "PATH",
                   .help = "directory with tokenizer_config.json or chat_template.jinja; or a GGUF file",
                   .commands = {render},
                   .value = path,
                   .file = FileUse::every_rank,
                   .required_by = {render}});
  table.push_back({.name = "--model",
                   .aliases = {"-m"},
                   .group = "Model",
                   .type = "PATH",
                   .help = "directory with tokenizer.json, that file itself, or a GGUF file",
                   .commands = {tokenize, detokenize},
                   .value = path,
                   .file = FileUse::every_rank,
                   .required_by = {tokenize, detokenize}});
  const OptionValue shape = text([](auto& options) -> auto& { return options.bench.random_weights; });
  table.push_back({.name = "--random-weights",
                   .group = "Model",
                   .type = "CONFIG.json",
                   .help = "instead of --model: random weights of that shape, made in memory",
                   .commands = {bench},
                   .value = shape,
                   .file = FileUse::every_rank,
                   .needs = {measures_a_model()}});
  table.push_back({.name = "--random-weights",
                   .group = "Model",
                   .type = "CONFIG.json",
                   .help = "instead of --model: a model of that shape, of which no weights are needed",
                   .commands = {plan, simulate},
                   .value = shape,
                   .file = FileUse::every_rank});
  table.push_back({.name = "--special",
                   .group = "Text",
                   .help = "with the tokens that the tokenizer adds, such as BOS",
                   .commands = {tokenize},
                   .value = flag([](auto& options) -> auto& { return options.tokenize.special; })});
}

void add_prompt_options(OptionTable& table) {
  table.push_back({.name = "--prompt",
                   .aliases = {"-p"},
                   .group = "Prompt",
                   .type = "TEXT",
                   .help = "the prompt itself",
                   .commands = {generate, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.text; }),
                   .request_field = "prompt",
                   .one_of = kOneOfPrompts});
  table.push_back({.name = "--prompt-file",
                   .aliases = {"-f", "--file"},
                   .group = "Prompt",
                   .type = "FILE",
                   .help = "UTF-8 text; special tokens in it are recognised",
                   .commands = {generate, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.file; }),
                   .file = FileUse::input,
                   .request_field = "prompt_file",
                   .one_of = kOneOfPrompts});
  table.push_back({.name = "--prompt-ids",
                   .group = "Prompt",
                   .type = "FILE",
                   .help = "JSON array of token ids; nothing is added, and no tokenizer is needed",
                   .commands = {generate, logits, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.ids_file; }),
                   .file = FileUse::input,
                   .request_field = "prompt_ids",
                   .content = json_array([](auto& options) -> auto& { return options.prompt.ids; }),
                   .needs = {is_all_of_the_prompt(), is_no_chat()},
                   .required_by = {logits},
                   .one_of = kOneOfPrompts});
  table.push_back({.name = "--question",
                   .group = "Prompt",
                   .type = "TEXT",
                   .help = "put behind the prompt on a line of its own; its tokens are kept whatever their score",
                   .commands = {generate, ask, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.question; }),
                   .request_field = "question",
                   .needs = {prompt_is_text()},
                   .required_by = {ask}});
  table.push_back(
      {.name = "--invalid-utf8",
       .group = "Prompt",
       .help =
           "of texts that are no UTF-8, given as options or in files: refuse them, or replace what is none by U+FFFD",
       .commands = {generate, index, ask, chat, launch},
       .value = choice([](auto& options) -> auto& { return options.prompt.invalid_utf8; },
                       {{"refuse", InvalidUtf8::refuse}, {"replace", InvalidUtf8::replace}}),
       .request_field = "invalid_utf8",
       .needs = {there_is_a_text()}});
}

void add_chat_options(OptionTable& table) {
  table.push_back({.name = "--chat",
                   .group = "Chat",
                   .help = "the prompt and behind it the question are the user's message in the model's chat format;\n"
                           "special tokens written in it stay text",
                   .commands = {generate, launch},
                   .value = flag([](auto& options) -> auto& { return options.prompt.chat.on; })});
  table.push_back({.name = "--system",
                   .group = "Chat",
                   .type = "TEXT",
                   .help = "the system message. Unset: the template's own, where it has one",
                   .commands = {generate, index, chat, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.chat.system; }),
                   .request_field = "system",
                   .needs = {chat_is_on()}});
  table.push_back(
      {.name = "--user-file",
       .group = "Chat",
       .type = "FILE",
       .help = "the user's message, instead of --prompt-file; of chat: a text in front of the first message",
       .commands = {generate, chat, launch},
       .value = text([](auto& options) -> auto& { return options.prompt.chat.user_file; }),
       .file = FileUse::input,
       .needs = {chat_is_on()},
       .one_of = kOneOfPrompts});
  table.push_back({.name = "--messages",
                   .group = "Chat",
                   .type = "FILE",
                   .help = "a whole conversation, as JSON: an array of {\"role\": ..., \"content\": ...} that ends "
                           "with a user's message",
                   .commands = {generate, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.chat.messages_file; }),
                   .file = FileUse::input,
                   .request_field = "messages",
                   .content = json_array([](auto& options) -> auto& { return options.prompt.chat.messages; }),
                   .needs = {chat_is_on()},
                   .one_of = kOneOfPrompts});
  table.push_back({.name = "--answer-prefix",
                   .group = "Chat",
                   .type = "TEXT",
                   .help = "how the answer begins; it goes on from there",
                   .commands = {generate, ask, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.chat.answer_prefix; }),
                   .request_field = "answer_prefix",
                   .needs = {chat_is_on()}});
  table.push_back({.name = "--chat-template",
                   .aliases = {"--chat-template-file"},
                   .group = "Chat",
                   .type = "FILE",
                   .help = "a chat template (Jinja) that gemring knows, instead of the model's own",
                   .commands = {generate, render, index, ask, chat, serve, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.chat.template_file; }),
                   .file = FileUse::input,
                   .needs = {chat_is_on()}});
  table.push_back({.name = "--date",
                   .group = "Chat",
                   .type = "YYYY-MM-DD",
                   .help = "what chat templates take for today's date. Unset: the clock's",
                   .commands = {generate, render, index, chat, launch},
                   .value = text([](auto& options) -> auto& { return options.prompt.chat.date; }),
                   .needs = {chat_is_on()}});
}

}  // namespace gemring

#include "launch/prompts/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "distributed/plan/limits.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/log.h"
#include "engine/weights/json_text.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/given_text.h"

namespace gemring {
namespace {

void require_not_empty(std::size_t tokens) {
  if (tokens > 0) return;
  throw UsageError({"prompt", "the prompt is empty",
                    "give --prompt TEXT, --prompt-file FILE, --prompt-ids FILE, or text on standard input"});
}

}  // namespace

PromptText join(std::string prompt, const std::optional<std::string>& question) {
  PromptText result{std::move(prompt), std::nullopt, {}, true};
  if (!question) return result;
  if (!result.text.empty() && result.text.back() != '\n') result.text += '\n';
  result.question_begin = result.text.size();
  result.text += *question;
  return result;
}

Prompt prompt_of(const PromptText& text, const Tokenizer& tokenizer) {
  if (text.text.empty()) require_not_empty(0);
  Encoding encoding = tokenizer.encode(text.text, {.add_bos = text.adds_special_tokens, .literal = text.literal});
  require_not_empty(encoding.ids.size());
  Prompt prompt{.ids = std::move(encoding.ids),
                .forced = forced_tokens(text, encoding.ends),
                .text = text.text,
                .ends = std::move(encoding.ends)};
  return prompt;
}

std::vector<TokenId> ids_of_json(const std::string& json, const std::string& name, std::int32_t vocab) {
  constexpr const char* kExample = "write the token ids as [1, 2, 3]";
  nlohmann::json ids;
  try {
    ids = parse_json(json);
  } catch (const JsonTextError& error) {
    throw UsageError({name, error.what(), kExample});
  }
  if (!ids.is_array()) throw UsageError({name, "is no JSON array", kExample});
  std::vector<TokenId> result;
  result.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (!ids[i].is_number_integer()) {
      throw UsageError(
          {name, fmt::format("entry {} is {}, not a token id", i, ids[i].dump()), "ids are whole numbers"});
    }
    const bool beyond_64_bits = ids[i].is_number_unsigned() && ids[i].get<std::uint64_t>() > 0x7fffffff;
    const std::int64_t id = beyond_64_bits ? vocab : ids[i].get<std::int64_t>();
    if (id < 0 || id >= vocab) {
      throw UsageError(
          {name, fmt::format("entry {} is {}, and the vocabulary has the ids 0..{}", i, ids[i].dump(), vocab - 1),
           "use ids of this model's tokenizer"});
    }
    result.emplace_back(id);
  }
  return result;
}

std::vector<TokenId> parse_ids(const std::string& json, const std::string& name, std::int32_t vocab) {
  std::vector<TokenId> ids = ids_of_json(json, name, vocab);
  if (ids.empty()) throw UsageError({name, "has no token ids, so the prompt is empty", "write some, as [1, 2, 3]"});
  return ids;
}

namespace {

/// The text of whichever option gives it, and what messages of errors call that.
std::string text_of(const PromptOptions& options) {
  const InvalidUtf8 invalid = options.invalid_utf8;
  const auto of_file = [&](const std::string& path, const char* option) {
    return checked_text(read_given_text(path, option), fmt::format("{} {}", option, path), invalid);
  };
  if (options.text) return *options.text;  // looked at by check_texts()
  if (options.file) return of_file(*options.file, "--prompt-file");
  if (options.chat.user_file) return of_file(*options.chat.user_file, "--user-file");
  return checked_text(read_standard_input(), "standard input", invalid);
}

}  // namespace

PromptText prompt_text(const PromptOptions& options, const ChatTemplate* chat) {
  const std::optional<std::string>& question = options.question;
  if (chat != nullptr && (options.chat.messages || options.chat.messages_file)) {
    return messages_prompt(*chat, options, question);
  }
  std::string text = text_of(options);
  if (text.empty() && (chat == nullptr || question.value_or("").empty())) {
    require_not_empty(0);  // a question alone is no prompt, but it is a message
  }
  return chat == nullptr ? join(std::move(text), question)
                         : chat_prompt(*chat, options.chat, std::move(text), question);
}

PromptOptions with_texts_read(PromptOptions options) {
  if (options.chat.messages_file) {
    options.chat.messages = read_messages(options);
    options.chat.messages_file.reset();
  }
  if (options.chat.messages) return options;
  options.text = text_of(options);
  options.file.reset();
  options.chat.user_file.reset();
  return options;
}

void check_vocabulary(const std::vector<TokenId>& ids, const ModelConfig& config) {
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].value() < config.vocab) continue;
    throw ModelFileError({"tokenizer.json",
                          fmt::format("token {} of the prompt has id {}, and the model's vocabulary ends at {}", i,
                                      ids[i].value(), config.vocab - 1),
                          "the tokenizer belongs to another model; download both again"});
  }
}

Prompt load_prompt(const PromptOptions& options, const Tokenizer* tokenizer, const ChatTemplate* chat,
                   const ModelConfig& config) {
  if (options.ids) return {parse_ids(*options.ids, "prompt_ids", config.vocab)};
  if (options.ids_file) {
    const std::string json = read_given_text(*options.ids_file, "--prompt-ids");
    return {parse_ids(json, input_name(*options.ids_file), config.vocab)};
  }
  if (tokenizer == nullptr) {
    throw UsageError({"--model", "the directory has no tokenizer.json, so text cannot be read",
                      "give the prompt as token ids with --prompt-ids FILE"});
  }
  Prompt prompt = prompt_of(prompt_text(options, chat), *tokenizer);
  check_vocabulary(prompt.ids, config);
  return prompt;
}

void check_length(std::int32_t prompt_tokens, const FilterOptions& filter, const ResolvedSelection& selection,
                  std::int32_t max_new_tokens, const ModelPositions& positions, bool allow_extrapolation) {
  require_not_empty(static_cast<std::size_t>(prompt_tokens));
  const auto count = [](std::int64_t tokens) { return grouped(static_cast<std::uint64_t>(tokens)); };
  const auto beyond = [&](const std::string& problem, const std::string& advice) {
    if (!allow_extrapolation) throw ConfigError({"prompt", problem, advice + ", or give --allow-extrapolation"});
    log_warn("prompt {}: beyond its range a model may answer nonsense", problem);
  };
  const bool filtered = filter.method == Method::gemfilter && !selection.keeps_everything(prompt_tokens);
  const std::int64_t kept = filtered ? selection.keep : prompt_tokens;
  if (std::int64_t{prompt_tokens} + max_new_tokens > kMostTokens) {
    throw ConfigError({"prompt",
                       fmt::format("{} tokens and --max-new-tokens {} are more than {} together", count(prompt_tokens),
                                   count(max_new_tokens), count(kMostTokens)),
                       "lower --max-new-tokens or shorten the prompt"});
  }
  const char* const filter_model = positions.filter == positions.answer ? "model" : "filter model";
  const std::int32_t of_prompt = filtered ? positions.filter : positions.answer;
  if (prompt_tokens > of_prompt) {
    beyond(fmt::format("has {} tokens, the {}'s limit is {} positions{}", count(prompt_tokens),
                       filtered ? filter_model : "model", count(of_prompt),
                       filtered ? fmt::format(" (the filter pass reads all of them; the compressed prefill needs {})",
                                              count(kept + max_new_tokens))
                                : ""),
           "shorten the prompt, take a model with a longer context");
    if (!filtered) return;
  }
  if (kept + max_new_tokens <= positions.answer) return;
  beyond(fmt::format("{} {} tokens and --max-new-tokens {} need {} positions, the model's limit is {}", count(kept),
                     filtered ? "kept" : "prompt", count(max_new_tokens), count(kept + max_new_tokens),
                     count(positions.answer)),
         filtered ? "lower --keep or --max-new-tokens" : "lower --max-new-tokens, shorten the prompt");
}

}  // namespace gemring

// From the user's prompt to token ids, and the limits it must keep. Rank 0 alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/model/config.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/options/options.h"
#include "launch/prompts/forced_text.h"
#include "launch/prompts/prompt_text.h"

namespace gemring {

struct Prompt {
  std::vector<TokenId> ids;
  std::optional<ForcedTokens> forced = std::nullopt;  // by its text; nothing where there are only ids
  std::string text = {};
  std::vector<std::size_t> ends = {};  // Encoding::ends; empty where there is no text
};

/// The prompt's text with the question behind it, on a line of its own.
PromptText join(std::string prompt, const std::optional<std::string>& question);

/// Throws UsageError (empty prompt, invalid UTF-8).
Prompt prompt_of(const PromptText& text, const Tokenizer& tokenizer);

/// The JSON array of ids in `json`, which errors call `name`. Throws UsageError naming the index of a bad entry.
std::vector<TokenId> ids_of_json(const std::string& json, const std::string& name, std::int32_t vocab);

/// The same for a prompt, which may not be empty.
std::vector<TokenId> parse_ids(const std::string& json, const std::string& name, std::int32_t vocab);

/// The prompt's text as a model reads it: with `chat` in that template. Throws UsageError.
PromptText prompt_text(const PromptOptions& options, const ChatTemplate* chat);

/// With texts for the files and the standard input that options name, so that they may be read more than once.
PromptOptions with_texts_read(PromptOptions options);

/// Throws ModelFileError: a token whose id the model does not know.
void check_vocabulary(const std::vector<TokenId>& ids, const ModelConfig& config);

/// Reads, tokenises and checks what the options name; standard input where they name nothing. `tokenizer` is nullptr
/// where the model directory has none: then only ids will do. `chat`: with --chat its template, else nullptr. Throws
/// UsageError.
Prompt load_prompt(const PromptOptions& options, const Tokenizer* tokenizer, const ChatTemplate* chat,
                   const ModelConfig& config);

/// Positions that the models were made for: the filter pass reads the prompt (a windowed one is bound to none), the
/// other one what was kept.
struct ModelPositions {
  ModelPositions(std::int32_t both) : answer(both), filter(both) {}  // NOLINT(google-explicit-constructor)
  ModelPositions(std::int32_t answering, std::int32_t filtering) : answer(answering), filter(filtering) {}

  std::int32_t answer;
  std::int32_t filter;
};

/// Positions that the passes need: n in the filter's (or the only) pass; kept + new tokens in the compressed
/// prefill and decode. Throws UsageError (empty prompt) and ConfigError with both figures where the model's limit is
/// passed; with --allow-extrapolation a warning tells them.
void check_length(std::int32_t prompt_tokens, const FilterOptions& filter, const ResolvedSelection& selection,
                  std::int32_t max_new_tokens, const ModelPositions& positions, bool allow_extrapolation);

}  // namespace gemring

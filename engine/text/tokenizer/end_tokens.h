// Which tokens end an answer: those that a vocabulary names by keys of its file, and those whose texts are known for
// it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.h"
#include "engine/weights/gguf/gguf.h"

namespace gemring {

/// What a GGUF file's keys tokenizer.ggml.{eos,eot,eom,fim_pad,fim_rep,fim_sep}_token_id say.
struct StatedEndTokens {
  std::optional<TokenId> end_of_text = {};
  std::optional<TokenId> end_of_turn = {};
  std::optional<TokenId> end_of_message = {};
  std::optional<TokenId> fim_pad = {};  // of filling in the middle of code
  std::optional<TokenId> fim_repository = {};
  std::optional<TokenId> fim_separator = {};
};

/// The id of a token with this text.
using FindToken = std::function<std::optional<TokenId>(std::string_view text)>;

/// The end tokens of a vocabulary as llama.cpp gathers them (src/llama-vocab.cpp, special_eog_ids), ascending: the
/// stated ones; every token with a text that ends a turn, a message or a text in some family; of padding, repository
/// and separator of fill-in-the-middle that are not stated the one with the lowest id. In vocabularies with <|return|>
/// and <|call|>, or <|flush|> and <|calls|>, <|end|> is a mark within an answer and ends nothing, in those with
/// <|tool_response> neither does </s>.
std::vector<TokenId> gather_end_tokens(const StatedEndTokens& stated, const FindToken& find);

/// Whether gather_end_tokens() looks for a token of this text. GGUF files give some of them types of ordinary text;
/// they are control tokens all the same.
bool is_end_token_text(std::string_view text);

/// Those of a GGUF file, without what lies beyond its vocabulary. Throws ModelFileError where a key has another type.
std::vector<TokenId> gguf_end_tokens(const GgufMetadata& metadata);

/// Those among the special tokens of a model directory's tokenizer.json ("added_tokens"), which its
/// generation_config.json need not name. None where there is no such file, or none that could be read so far: whoever
/// needs text from it will say so.
std::vector<TokenId> directory_end_tokens(const std::string& model_directory);

}  // namespace gemring

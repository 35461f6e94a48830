#include <nlohmann/json.hpp>
#include <unordered_map>

#include "engine/text/tokenizer/end_tokens.h"
#include "engine/text/tokenizer/tokenizer_sources.h"
#include "engine/weights/file.h"

namespace gemring {
namespace {

std::vector<TokenId> gather(const StatedEndTokens& stated, const std::unordered_map<std::string, TokenId>& known) {
  return gather_end_tokens(stated, [&](std::string_view text) -> std::optional<TokenId> {
    const auto found = known.find(std::string(text));
    return found == known.end() ? std::nullopt : std::optional(found->second);
  });
}

/// The special ones among the "added_tokens" at the top of a tokenizer.json. Stops behind them: what follows is the
/// vocabulary, a hundred times as long.
class AddedTokensReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::unordered_map<std::string, TokenId> special;

  bool null() override { return !expects_tokens(); }
  bool boolean(bool value) override {
    if (in_token() && key_ == "special") token_is_special_ = value;
    return true;
  }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t value) override {
    if (in_token() && key_ == "id" && value <= std::uint64_t{std::numeric_limits<std::int32_t>::max()}) {
      token_id_ = TokenId(value);
    }
    return true;
  }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string& value) override {
    if (in_token() && key_ == "content") token_text_ = value;
    return true;
  }
  bool binary(nlohmann::json::binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    if (++depth_ == kToken) {
      token_id_.reset();
      token_text_.clear();
      token_is_special_ = false;
    }
    return true;
  }
  bool key(std::string& name) override {
    key_ = name;
    return true;
  }
  bool end_object() override {
    if (in_token() && token_id_ && token_is_special_ && is_end_token_text(token_text_)) {
      special.emplace(token_text_, *token_id_);
    }
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    in_tokens_ = in_tokens_ || expects_tokens();
    ++depth_;
    return true;
  }
  bool end_array() override { return --depth_ >= kTokens || !in_tokens_; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  // How many objects and arrays are open: within the list of added tokens, within one of them.
  static constexpr int kTokens = 2, kToken = 3;

  bool expects_tokens() const { return depth_ == 1 && key_ == "added_tokens"; }
  bool in_token() const { return in_tokens_ && depth_ == kToken; }

  int depth_ = 0;
  bool in_tokens_ = false;
  std::string key_;
  std::optional<TokenId> token_id_;
  std::string token_text_;
  bool token_is_special_ = false;
};

}  // namespace

std::vector<TokenId> gguf_end_tokens(const GgufMetadata& metadata) {
  const auto texts = metadata.texts("tokenizer.ggml.tokens");
  const std::size_t count = texts ? texts->size() : 0;
  const auto stated = [&](const char* key) -> std::optional<TokenId> {
    const auto id = metadata.count(key);
    return id && *id < count ? std::optional(TokenId(*id)) : std::nullopt;
  };
  std::unordered_map<std::string, TokenId> known;
  for (std::size_t id = 0; id < count; ++id) {
    if (is_end_token_text((*texts)[id])) known.emplace((*texts)[id], TokenId(id));
  }
  return gather({.end_of_text = stated("tokenizer.ggml.eos_token_id"),
                 .end_of_turn = stated("tokenizer.ggml.eot_token_id"),
                 .end_of_message = stated("tokenizer.ggml.eom_token_id"),
                 .fim_pad = stated("tokenizer.ggml.fim_pad_token_id"),
                 .fim_repository = stated("tokenizer.ggml.fim_rep_token_id"),
                 .fim_separator = stated("tokenizer.ggml.fim_sep_token_id")},
                known);
}

std::vector<TokenId> directory_end_tokens(const std::string& model_directory) {
  const std::string path = path_in(model_directory, "tokenizer.json");
  if (!file_exists(path)) return {};
  const std::string text = read_text_file(path, kLargestTokenizerFile);
  AddedTokensReader reader;
  nlohmann::json::sax_parse(text, &reader);
  return gather({}, reader.special);
}

}  // namespace gemring

#include "engine/text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/text/tokenizer_json.h"
#include "engine/text/utf8.h"
#include "engine/text/word_cache.h"

namespace gemring {

struct Tokenizer::State {
  explicit State(TokenizerFile read) : file(std::move(read)), added_tokens(file.added), pre_tokenizer(file.stages) {}

  TokenizerFile file;
  AddedTokenMatcher added_tokens;
  PreTokenizer pre_tokenizer;
};

namespace {

// One call of encode: the scratch and the words seen so far.
class EncodeRun {
 public:
  EncodeRun(const TokenizerFile& file, const PreTokenizer& pre_tokenizer, Encoding& out)
      : pre_tokenizer_(pre_tokenizer), scratch_(pre_tokenizer), bpe_(file.bpe), out_(out) {}

  void add_text(std::string_view text, std::size_t begin) {
    pre_tokenizer_.split(text, begin, scratch_, [this](Word word) { add_word(word); });
  }

 private:
  void add_word(Word word) {
    if (const auto known = cache_.find(word.bytes)) return append(*known, word.begin);
    tokens_.clear();
    bpe_.encode(word.bytes, tokens_);
    cache_.insert(word.bytes, tokens_);
    append(tokens_, word.begin);
  }

  void append(std::span<const BpeToken> tokens, std::ptrdiff_t begin) {
    for (const BpeToken& token : tokens) {
      out_.ids.push_back(token.id);
      out_.ends.push_back(static_cast<std::size_t>(begin + static_cast<std::ptrdiff_t>(token.end)));
    }
  }

  const PreTokenizer& pre_tokenizer_;
  PreTokenizer::Scratch scratch_;
  BpeEncoder bpe_;
  WordCache cache_;
  std::vector<BpeToken> tokens_;
  Encoding& out_;
};

void check_text(std::string_view text) {
  if (const auto bad = first_invalid_utf8(text)) {
    throw UsageError({"prompt",
                      fmt::format("byte {} (0x{:02X}) is no valid UTF-8", *bad, static_cast<unsigned char>(text[*bad])),
                      "convert the text to UTF-8, for example with iconv"});
  }
  constexpr std::size_t kMostBytes = (std::size_t{1} << 31) - 2;  // offsets inside a word have 31 bits
  if (text.size() > kMostBytes) {
    throw UsageError({"prompt", fmt::format("{} bytes of text, more than {}", text.size(), kMostBytes), ""});
  }
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::string& model_directory) {
  return Tokenizer(std::make_unique<State>(read_tokenizer(model_directory)));
}

Encoding Tokenizer::encode(std::string_view text) const {
  check_text(text);
  const std::vector<TokenId>& prefix = state_->file.prefix;
  Encoding out;
  out.ids.reserve(prefix.size() + text.size() / 3);  // byte-level vocabularies have 3 to 4 bytes a token
  out.ends.reserve(out.ids.capacity());
  out.ids = prefix;
  out.ends.assign(prefix.size(), 0);

  EncodeRun run(state_->file, state_->pre_tokenizer, out);
  for (const TextPiece& piece : state_->added_tokens.split(text)) {
    if (piece.token) {
      out.ids.push_back(*piece.token);
      out.ends.push_back(piece.end);
    } else {
      run.add_text(text.substr(piece.begin, piece.end - piece.begin), piece.begin);
    }
  }
  const auto count = static_cast<std::ptrdiff_t>(prefix.size());
  if (out.ids.size() >= 2 * prefix.size() && std::equal(prefix.begin(), prefix.end(), out.ids.begin() + count)) {
    out.ids.erase(out.ids.begin(), out.ids.begin() + count);  // the text has its own
    out.ends.erase(out.ends.begin(), out.ends.begin() + count);
  }
  return out;
}

std::string_view Tokenizer::bytes(TokenId id) const {
  if (id.value() < 0 || id.index() >= size() || is_special(id)) return {};
  return state_->file.bytes[id.index()];
}

bool Tokenizer::is_special(TokenId id) const {
  return id.value() >= 0 && id.index() < size() && state_->file.special[id.index()];
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  std::string joined, text;
  for (TokenId id : ids) {
    joined += keep_special && is_special(id) ? std::string_view(state_->file.bytes[id.index()]) : bytes(id);
  }
  append_lossy_utf8(joined, text);
  return text;
}

std::size_t Tokenizer::size() const {
  return state_->file.bytes.size();
}

std::string StreamingDecoder::push(TokenId id) {
  held_ += tokenizer_.bytes(id);
  std::string text;
  held_.erase(0, append_complete_utf8(held_, text));
  return text;
}

std::string StreamingDecoder::finish() {
  std::string text;
  append_lossy_utf8(held_, text);
  held_.clear();
  return text;
}

}  // namespace gemring

#include "engine/text/tokenizer/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/text/tokenizer/tokenizer_sources.h"
#include "engine/text/tokenizer/word_cache.h"
#include "engine/text/unicode/utf8.h"
#include "engine/weights/file.h"
#include "engine/weights/gguf/gguf.h"

namespace gemring {

struct Tokenizer::State {
  explicit State(TokenizerFile read)
      : file(std::move(read)),
        normalizer(file.normalizer),
        added_tokens(file.added, normalizer),
        pre_tokenizer(file.stages) {}

  bool has(TokenId id) const {
    return id.value() >= 0 && id.index() < file.kinds.size() && file.kinds[id.index()] != TokenKind::absent;
  }
  // Pushes a token that there is.
  void join(TokenId id, TextJoiner& joiner, std::string& out) const {
    const auto first =
        joiner.is_new() && file.decoder.first_loses_its_spaces ? file.first_bytes.find(id) : file.first_bytes.end();
    if (first != file.first_bytes.end()) return joiner.push_as_it_is(first->second, out);
    joiner.push(file.bytes[id.index()], has(id, TokenKind::byte), out);
  }
  bool is_used(TokenId id) const { return has(id) && !std::binary_search(file.unused.begin(), file.unused.end(), id); }
  bool has(TokenId id, TokenKind kind) const { return has(id) && file.kinds[id.index()] == kind; }

  TokenizerFile file;
  Normalizer normalizer;
  AddedTokenMatcher added_tokens;
  PreTokenizer pre_tokenizer;
};

namespace {

// One call of encode: the scratch and the words seen so far.
class EncodeRun {
 public:
  EncodeRun(const TokenizerFile& file, const PreTokenizer& pre_tokenizer, Encoding& out)
      : pre_tokenizer_(pre_tokenizer), scratch_(pre_tokenizer), model_(file.bpe), bpe_(file.bpe), out_(out) {}

  void add_token(TokenId id, std::size_t end) {
    out_.ids.push_back(id);
    out_.ends.push_back(std::max(end, last_end_));  // a token in what another one stripped lies before that one's end
    last_end_ = out_.ends.back();
  }

  void add_text(const TextPart& text) {
    pre_tokenizer_.split(text, scratch_, [this](const TextPart& word) { add_long_word(word); });
  }

 private:
  void add_long_word(TextPart word) {
    while (true) {
      const std::size_t length = model_.byte_level ? word.bytes.size() : model_.cutter.first_part(word.bytes);
      add_word(word.part(0, length));
      if (length == word.bytes.size()) return;
      word = word.part(length, word.bytes.size());
    }
  }

  void add_word(const TextPart& word) {
    if (const auto known = cache_.find(word.bytes)) return append(*known, word);
    tokens_.clear();
    bpe_.encode(word.bytes, tokens_);
    cache_.insert(word.bytes, tokens_);
    append(tokens_, word);
  }

  void append(std::span<const BpeToken> tokens, const TextPart& word) {
    for (const BpeToken& token : tokens) add_token(token.id, word.end_of(token.end));
  }

  const PreTokenizer& pre_tokenizer_;
  PreTokenizer::Scratch scratch_;
  const BpeModel& model_;
  BpeEncoder bpe_;
  WordCache cache_;
  std::vector<BpeToken> tokens_;
  std::size_t last_end_ = 0;
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

void check_literal(std::span<const ByteRange> literal) {
  std::size_t done = 0;
  for (const ByteRange& range : literal) {
    GEMRING_CHECK(done <= range.begin && range.begin <= range.end, "literal bytes {}..{} behind {}", range.begin,
                  range.end, done);
    done = range.end;
  }
}

// A prefix that the text brings along itself is not wanted a second time.
void drop_doubled_prefix(std::size_t size, Encoding& out) {
  const auto count = static_cast<std::ptrdiff_t>(size);
  if (out.ids.size() < 2 * size || !std::equal(out.ids.begin(), out.ids.begin() + count, out.ids.begin() + count))
    return;
  out.ids.erase(out.ids.begin(), out.ids.begin() + count);
  out.ends.erase(out.ends.begin(), out.ends.begin() + count);
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::string& path) {
  if (is_gguf_path(path)) return Tokenizer(std::make_unique<State>(read_tokenizer_gguf(path)));
  const bool is_json = path.ends_with(".json");
  return Tokenizer(std::make_unique<State>(read_tokenizer_json(is_json ? path : path_in(path, "tokenizer.json"))));
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  check_text(text);
  check_literal(options.literal);
  Encoding out;
  out.ids.reserve(text.size() / 3 + 8);  // vocabularies have 3 to 4 bytes a token
  out.ends.reserve(out.ids.capacity());
  const std::size_t prefix = options.add_bos ? state_->file.prefix.size() : 0;
  if (prefix > 0) out.ids = state_->file.prefix;
  out.ends.assign(prefix, 0);

  const SpecialTokenFilter filter{options.parse_special, options.literal};
  EncodeRun run(state_->file, state_->pre_tokenizer, out);
  Normalizer::Scratch scratch(state_->normalizer);
  std::vector<TextPiece> raw, normalized;
  const TextPart whole{text};
  state_->added_tokens.split_raw(whole, filter, raw);
  for (const TextPiece& piece : raw) {
    if (piece.token) {
      run.add_token(*piece.token, piece.end);
      continue;
    }
    const TextPart part = state_->normalizer.normalize(whole.part(piece.begin, piece.end), scratch);
    normalized.clear();
    state_->added_tokens.split_normalized(part, filter, normalized);
    for (const TextPiece& inner : normalized) {
      if (inner.token) {
        run.add_token(*inner.token, part.end_of(inner.end));
      } else {
        run.add_text(part.part(inner.begin, inner.end));
      }
    }
  }
  if (out.ends.size() > prefix) out.ends.back() = text.size();  // whatever was dropped behind the last token
  if (prefix > 0) drop_doubled_prefix(prefix, out);
  return out;
}

std::string_view Tokenizer::bytes(TokenId id) const {
  if (!state_->has(id) || is_special(id)) return {};
  return state_->file.bytes[id.index()];
}

bool Tokenizer::is_special(TokenId id) const {
  return state_->has(id, TokenKind::special);
}

bool Tokenizer::exists(TokenId id) const {
  return state_->has(id);
}

std::vector<TokenId> Tokenizer::holes() const {
  std::vector<TokenId> holes;
  for (std::size_t id = 0; id < size(); ++id) {
    if (!state_->is_used(TokenId(id))) holes.emplace_back(id);
  }
  return holes;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool keep_special) const {
  TextJoiner joiner(state_->file.decoder, TextJoiner::ByteRuns::held_back);
  std::string text;
  for (TokenId id : ids) {
    if (!state_->has(id) || (!keep_special && is_special(id))) continue;
    state_->join(id, joiner, text);
  }
  joiner.finish(text);
  return text;
}

std::size_t Tokenizer::size() const {
  return state_->file.kinds.size();
}

std::optional<TokenId> first_difference(const Tokenizer& one, const Tokenizer& other) {
  const Tokenizer::State& a = *one.state_;
  const Tokenizer::State& b = *other.state_;
  for (std::size_t i = 0; i < std::max(one.size(), other.size()); ++i) {
    const TokenId id(i);
    const bool used = a.is_used(id);
    if (used != b.is_used(id)) return id;
    if (!used) continue;
    const bool same_kind = a.has(id, TokenKind::byte) == b.has(id, TokenKind::byte);
    if (!same_kind || a.file.bytes[i] != b.file.bytes[i]) return id;
  }
  return std::nullopt;
}

StreamingDecoder::StreamingDecoder(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), joiner_(tokenizer.state_->file.decoder, TextJoiner::ByteRuns::given_in_parts) {}

std::string StreamingDecoder::push(TokenId id) {
  std::string text;
  const Tokenizer::State& state = *tokenizer_.state_;
  if (state.has(id) && !state.has(id, TokenKind::special)) {
    state.join(id, joiner_, text);
  }
  return text;
}

std::string StreamingDecoder::finish() {
  std::string text;
  joiner_.finish(text);
  return text;
}

}  // namespace gemring

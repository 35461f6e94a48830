#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/text/tokenizer/byte_map.h"
#include "engine/text/tokenizer/end_tokens.h"
#include "engine/text/tokenizer/gguf_splits.h"
#include "engine/text/tokenizer/spm_merges.h"
#include "engine/text/tokenizer/tokenizer_sources.h"
#include "engine/text/unicode/utf8.h"
#include "engine/weights/gguf/gguf.h"

namespace gemring {

namespace {

constexpr std::string_view kSpace = "\u2581";
constexpr std::size_t kLongestToken = 1024;  // bytes: a bound for the work on one token, three times the longest known

// tokenizer.ggml.token_type (llama.h, enum llama_token_type).
enum class Type { undefined = 0, normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

bool is_control(Type type) {
  return type == Type::control || type == Type::unknown;
}

class GgufTokenizer {
 public:
  explicit GgufTokenizer(const std::string& path) : metadata_(read_gguf_metadata(path)), where_(metadata_.file()) {}

  TokenizerFile read() {
    const auto model = metadata_.text("tokenizer.ggml.model");
    if (!model) fail("has no tokenizer (no tokenizer.ggml.model)", "take a GGUF file with its tokenizer");
    if (*model != "gpt2" && *model != "llama") refuse(where_, fmt::format("tokenizer.ggml.model {}", *model));
    read_tokens();
    if (*model == "gpt2") {
      read_byte_level();
    } else {
      read_sentencepiece();
    }
    add_unknown();
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem, const std::string& advice = "get the file again") const {
    throw ModelFileError({where_, problem, advice});
  }

  void read_tokens() {
    auto tokens = metadata_.texts("tokenizer.ggml.tokens");
    if (!tokens || tokens->empty()) fail("has no tokenizer.ggml.tokens");
    tokens_ = *std::move(tokens);
    types_.assign(tokens_.size(), Type::normal);
    if (const auto types = metadata_.integers("tokenizer.ggml.token_type")) {
      check_count("token_type", types->size());
      for (std::size_t id = 0; id < types_.size(); ++id) {
        const std::int64_t type = (*types)[id];
        types_[id] = type >= 0 && type <= 6 ? static_cast<Type>(type) : Type::undefined;
      }
    }
    vocabulary_.reserve(tokens_.size());
    file_.bytes.resize(tokens_.size());
    file_.kinds.resize(tokens_.size(), TokenKind::text);
    for (std::size_t id = 0; id < tokens_.size(); ++id) read_token(id);
  }

  void read_token(std::size_t id) {
    const std::string_view text = tokens_[id];
    if (text.empty()) {  // published files have some; llama.cpp gives them a name that no text has
      file_.kinds[id] = TokenKind::absent;
      return;
    }
    if (first_invalid_utf8(text)) fail(fmt::format("the text of token {} is no UTF-8", id));
    if (text.size() > kLongestToken) {
      fail(fmt::format("token {} has {} bytes, more than {}", id, text.size(), kLongestToken));
    }
    const auto [other, is_new] = vocabulary_.emplace(text, TokenId(id));
    if (!is_new) fail(fmt::format("token \"{}\" has ids {} and {}", text, other->second.value(), id));
    file_.bytes[id] = text;
    if (is_end_token_text(text)) types_[id] = Type::control;
    if (types_[id] == Type::unused) file_.unused.emplace_back(id);
    if (!is_control(types_[id]) && types_[id] != Type::user_defined) return;
    AddedToken token;
    token.id = TokenId(id);
    token.content = text;
    token.special = is_control(types_[id]);
    if (token.special) file_.kinds[id] = TokenKind::special;
    file_.added.push_back(std::move(token));
  }

  void check_count(const char* key, std::size_t count) const {
    if (count >= tokens_.size()) return;
    fail(fmt::format("tokenizer.ggml.{} has {} entries for {} tokens", key, count, tokens_.size()));
  }

  // --- byte-level: words by a split, merges by rank

  void read_byte_level() {
    const auto pre = metadata_.text("tokenizer.ggml.pre");
    if (!pre) log_warn("{}: no tokenizer.ggml.pre; words are cut as llama.cpp does for such old files", where_);
    const GgufSplit split = gguf_split(pre.value_or("default"), where_);
    file_.stages = split_stages(split);
    if (split.nfc) file_.normalizer.push_back({NormalizerStep::Kind::nfc, "", "", false});
    for (unsigned byte = 0; byte < 256; ++byte) {
      std::string entry;
      append_code_point(byte_to_code_point(static_cast<unsigned char>(byte)), entry);
      if (const auto found = vocabulary_.find(entry); found != vocabulary_.end()) {
        file_.bpe.byte_tokens[byte] = found->second;
      }
    }
    read_merges();
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      if (is_control(types_[id]) || types_[id] == Type::user_defined) continue;  // their text is plain
      auto bytes = entry_to_bytes(tokens_[id]);
      if (!bytes) continue;
      if (split.ignore_merges && !bytes->empty()) file_.bpe.whole_words.emplace(*bytes, TokenId(id));
      file_.bytes[id] = *std::move(bytes);
    }
    add_bos(split.add_bos, /*default_id=*/std::nullopt);
  }

  TokenId token_of(std::string_view entry) const {
    const auto found = vocabulary_.find(entry);
    if (found != vocabulary_.end()) return found->second;
    fail(fmt::format("the merges need token \"{}\", which the vocabulary does not have", entry));
  }

  void read_merges() {
    const auto merges = metadata_.texts("tokenizer.ggml.merges");
    if (!merges) fail("has no tokenizer.ggml.merges");
    file_.bpe.merges = MergeTable(merges->size());
    std::uint32_t rank = 0;
    std::string merged;
    for (const std::string_view line : *merges) {
      const std::size_t space = line.find(' ', 1);  // a token may begin with one, never end
      if (space == std::string_view::npos || space + 1 == line.size()) {
        fail(fmt::format("merge {}: \"{}\" is not two tokens with a space between", rank, line));
      }
      const std::string_view left = line.substr(0, space), right = line.substr(space + 1);
      merged.assign(left).append(right);
      const TokenId first = token_of(left), second = token_of(right), result = token_of(merged);
      if (!is_control(types_[result.index()])) file_.bpe.merges.insert(first, second, {rank, result});
      ++rank;
    }
  }

  // --- SentencePiece: no split, merges by score

  void read_sentencepiece() {
    const auto scores = metadata_.reals("tokenizer.ggml.scores");
    if (!scores) fail("has no tokenizer.ggml.scores");
    check_count("scores", scores->size());
    const bool add_space = metadata_.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
    using Kind = NormalizerStep::Kind;
    if (add_space) file_.normalizer.push_back({Kind::prepend, std::string(kSpace), "", false});
    file_.normalizer.push_back({Kind::replace, std::string(kSpace), " ", false});
    if (add_space) file_.decoder = {" ", 1, false};

    file_.bpe.byte_level = false;
    add_byte_tokens(vocabulary_, file_.bpe);
    std::vector<ScoredPiece> pieces(tokens_.size());
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      // Tokens that stand for something else are no pieces of text (SentencePiece; llama.cpp merges to them, too).
      const bool is_piece = !is_control(types_[id]) && types_[id] != Type::byte;
      pieces[id] = {is_piece ? tokens_[id] : std::string_view(), (*scores)[id]};
    }
    stand_ins_ = read_scored_merges(pieces, file_.bpe);
    decode_sentencepiece();
    strip_as_phi3();
    add_bos(/*by_default=*/true, /*default_id=*/1);
  }

  void decode_sentencepiece() {
    for (std::size_t id = 0; id < tokens_.size(); ++id) {
      std::string& bytes = file_.bytes[id];
      if (is_control(types_[id])) continue;
      const auto byte = byte_of_entry(bytes);
      if (byte && types_[id] == Type::byte) {
        bytes.assign(1, static_cast<char>(*byte));
        file_.kinds[id] = TokenKind::byte;
        continue;
      }
      for (std::size_t at = 0; (at = bytes.find(kSpace, at)) != std::string::npos; ++at) {
        bytes.replace(at, kSpace.size(), 1, ' ');
      }
    }
  }

  // GGUF has no place for rstrip; llama.cpp knows Phi-3 by its name.
  void strip_as_phi3() {
    std::string name(metadata_.text("general.name").value_or(""));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name.find("phi-3") == std::string::npos && name.find("phi3") == std::string::npos) return;
    for (AddedToken& token : file_.added) {
      const bool plain = token.content == "<unk>" || token.content == "<s>" || token.content == "<|endoftext|>";
      token.right_strip = !plain;
    }
  }

  // --- both

  std::optional<TokenId> token_id(const char* key, std::optional<std::uint64_t> otherwise) const {
    const auto id = metadata_.count(key);
    if (!id && !otherwise) return std::nullopt;
    const std::uint64_t value = id ? *id : *otherwise;
    if (value < tokens_.size() && file_.kinds[value] != TokenKind::absent) return TokenId(value);
    if (!id) return std::nullopt;
    fail(fmt::format("{} is {}, which no token has; there are {}", key, value, tokens_.size()));
  }

  void add_bos(bool by_default, std::optional<std::uint64_t> default_id) {
    if (metadata_.boolean("tokenizer.ggml.add_eos_token").value_or(false)) {
      log_warn("{}: tokenizer.ggml.add_eos_token is true and not followed: it would end the answer before it begins",
               where_);
    }
    if (!metadata_.boolean("tokenizer.ggml.add_bos_token").value_or(by_default)) return;
    const auto bos = token_id("tokenizer.ggml.bos_token_id", default_id);
    if (!bos) fail("a BOS is to be added, but there is no tokenizer.ggml.bos_token_id");
    file_.prefix.push_back(*bos);
  }

  // Only a SentencePiece vocabulary without byte tokens ever needs it.
  void add_unknown() {
    if (file_.bpe.byte_level) return;
    file_.bpe.unknown = token_id("tokenizer.ggml.unknown_token_id", 0);
    std::vector<std::string_view> entries = tokens_;
    for (const std::string& character : stand_ins_) entries.push_back(character);
    add_word_cutter(entries, file_.bpe);
  }

  GgufMetadata metadata_;
  const std::string& where_;
  std::vector<std::string_view> tokens_;
  std::vector<Type> types_;
  Vocabulary vocabulary_;
  std::vector<std::string> stand_ins_;
  TokenizerFile file_;
};

}  // namespace

TokenizerFile read_tokenizer_gguf(const std::string& path) {
  return GgufTokenizer(path).read();
}

}  // namespace gemring

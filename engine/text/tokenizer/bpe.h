// Byte-pair encoding of one word (Hugging Face tokenizers, models/bpe: lowest rank first, leftmost on ties).
// SentencePiece's scores are ranks too: the highest score is the lowest, equal scores have one rank.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/types.h"
#include "engine/text/tokenizer/word_cutter.h"

namespace gemring {

/// A token of a word and the offset in the word behind its last byte.
struct BpeToken {
  TokenId id;
  std::uint32_t end;
};

struct Merge {
  std::uint32_t rank;  // its line in the list of merges; lower merges first
  TokenId merged;
};

/// (left id, right id) -> Merge. A flat hash table: one look-up per pair of neighbours is most of BPE's time.
class MergeTable {
 public:
  /// Empty slots are at least half of the table for `capacity` merges; more may not be inserted.
  explicit MergeTable(std::size_t capacity = 0);

  /// A pair inserted twice has its last merge.
  void insert(TokenId left, TokenId right, Merge merge);

  const Merge* find(TokenId left, TokenId right) const;

  /// Calls `visit(left, right, merge)` for each, in no order.
  template <class Visit>
  void for_each(const Visit& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.pair != kEmpty) visit(TokenId(slot.pair >> 32), TokenId(slot.pair & 0xFFFFFFFFu), slot.merge);
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: ids are not negative
  struct Slot {
    std::uint64_t pair;
    Merge merge;
  };
  std::size_t slot_of(std::uint64_t pair) const;
  std::vector<Slot> slots_;  // a power of two
  int shift_;
};

/// The symbol of a code point. Pages of 256, made as they are needed.
class CharacterTable {
 public:
  void set(char32_t code, TokenId symbol);
  std::optional<TokenId> find(char32_t code) const {
    const std::uint16_t page = code < 0x110000 ? page_of_[code >> 8] : 0;
    const std::int32_t symbol = page == 0 ? -1 : symbols_[(page - 1u) * 256u + (code & 0xFF)];
    return symbol < 0 ? std::nullopt : std::optional(TokenId(symbol));
  }

 private:
  std::vector<std::uint16_t> page_of_ = std::vector<std::uint16_t>(0x1100);  // 0: none, else one more than its number
  std::vector<std::int32_t> symbols_;                                        // -1: none
};

struct BpeModel {
  bool byte_level = true;     // a word's symbols are its bytes; else its characters
  CharacterTable characters;  // where not byte_level
  /// byte_level: the symbol of a byte; one without becomes `unknown`, or nothing. Else: what a character without a
  /// symbol becomes, byte by byte, if all its bytes have a token (byte_fallback).
  std::array<std::optional<TokenId>, 256> byte_tokens;
  MergeTable merges;
  std::optional<TokenId> unknown;
  bool fuse_unknown = false;                             // neighbouring unknown symbols are one unknown token
  std::unordered_map<std::string, TokenId> whole_words;  // with ignore_merges: words that need no merging
  /// Symbols from this id on are no tokens: characters that occur in longer tokens only. Left alone they fall back.
  TokenId first_stand_in{std::numeric_limits<std::int32_t>::max()};
  WordCutter cutter;
};

/// Encodes words, in one thread; keeps its scratch from word to word. The model must outlive it.
class BpeEncoder {
 public:
  explicit BpeEncoder(const BpeModel& model) : model_(model) {}

  /// Appends the tokens of `word` (not empty, below 2 GiB). Time n log n in its bytes.
  void encode(std::string_view word, std::vector<BpeToken>& out);

 private:
  // A doubly linked list in an array: merging takes the right neighbour out.
  struct Symbol {
    TokenId id;
    std::uint32_t end;
    std::int32_t previous, next;  // -1: none
    bool merged_away;
  };
  struct Candidate {
    std::uint64_t key;  // the rank above the place of the left symbol: the lowest is next
    TokenId merged;
    Candidate(const Merge& merge, std::int32_t left)
        : key(std::uint64_t{merge.rank} << 32 | static_cast<std::uint32_t>(left)), merged(merge.merged) {}
    std::int32_t left() const { return static_cast<std::int32_t>(key & 0xFFFFFFFFu); }
    bool operator<(const Candidate& other) const { return key > other.key; }  // a heap's top is its largest
  };
  void fill_symbols(std::string_view word);
  void fill_from_bytes(std::string_view word);
  void fill_from_characters(std::string_view word);
  bool append_byte_tokens(std::string_view bytes, std::size_t end);
  void append_unknown(std::size_t end);
  void give(std::string_view word, std::vector<BpeToken>& out) const;
  void append_symbol(TokenId id, std::size_t end);
  const Merge* merge_of(std::int32_t left, std::int32_t right) const;
  void merge_all();
  void apply(const Candidate& best);
  void push_candidate(std::int32_t left, std::int32_t right);

  const BpeModel& model_;
  std::vector<Symbol> symbols_;
  bool after_unknown_ = false;
  std::vector<Candidate> first_;  // pairs of the word as it stands, the next one last: sorting is cheaper than a heap
  std::vector<Candidate> heap_;   // pairs that merging made
};

}  // namespace gemring

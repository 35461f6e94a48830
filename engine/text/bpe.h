// Byte-pair encoding of one word (Hugging Face tokenizers, models/bpe: rank order, leftmost on ties).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/types.h"

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

 private:
  struct Slot {
    std::uint64_t pair;
    Merge merge;
  };
  std::size_t slot_of(std::uint64_t pair) const;
  std::vector<Slot> slots_;  // a power of two
  int shift_;
};

struct BpeModel {
  std::array<std::optional<TokenId>, 256> byte_tokens;  // a byte without a token becomes `unknown`, or nothing
  MergeTable merges;
  std::optional<TokenId> unknown;
  bool fuse_unknown = false;                             // neighbouring unknown bytes are one unknown token
  std::unordered_map<std::string, TokenId> whole_words;  // with ignore_merges: words that need no merging
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
    std::uint32_t rank;
    std::int32_t left;
    TokenId merged;
    bool operator<(const Candidate& other) const {  // a heap's top is its largest: the lowest rank, then the leftmost
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  void fill_symbols(std::string_view word);
  void append_symbol(TokenId id, std::size_t end);
  const Merge* merge_of(std::int32_t left, std::int32_t right) const;
  void apply(const Candidate& best);
  void push_candidate(std::int32_t left, std::int32_t right);

  const BpeModel& model_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

}  // namespace gemring

// Words that were encoded before: in text most words repeat, and a look-up is much cheaper than merging.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer/bpe.h"

namespace gemring {

/// A flat hash table from words to their tokens, in one thread. Long words, and all once it is full, are not kept.
class WordCache {
 public:
  WordCache() : slots_(kFirstSlots) {}

  /// Valid until the next insert.
  std::optional<std::span<const BpeToken>> find(std::string_view word) const;

  /// `word` is not in the cache.
  void insert(std::string_view word, std::span<const BpeToken> tokens);

 private:
  static constexpr std::size_t kFirstSlots = 1u << 10;
  static constexpr std::size_t kMostWords = 1u << 18;  // about 20 MB
  static constexpr std::size_t kLongestWord = 48;      // bytes
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t word_begin = 0, token_begin = 0;
    std::uint16_t word_size = 0, token_count = 0;  // word_size 0: empty
  };
  void grow();

  std::vector<Slot> slots_;  // a power of two, at most half full
  std::size_t used_ = 0;
  std::string words_;
  std::vector<BpeToken> tokens_;
};

}  // namespace gemring

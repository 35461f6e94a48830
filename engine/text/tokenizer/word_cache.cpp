#include "engine/text/tokenizer/word_cache.h"

#include <cstring>

namespace gemring {

namespace {

std::uint64_t mix(std::uint64_t value) {
  value *= 0x9E3779B97F4A7C15u;
  return value ^ value >> 32;
}

std::uint64_t hash_of(std::string_view word) {
  std::uint64_t hash = word.size();
  for (; word.size() > 8; word.remove_prefix(8)) {
    std::uint64_t block;
    std::memcpy(&block, word.data(), 8);
    hash = mix(hash ^ block);
  }
  std::uint64_t block = 0;
  std::memcpy(&block, word.data(), word.size());
  return mix(hash ^ block);
}

}  // namespace

std::optional<std::span<const BpeToken>> WordCache::find(std::string_view word) const {
  if (word.size() > kLongestWord) return std::nullopt;
  const std::uint64_t hash = hash_of(word);
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].word_size != 0; at = (at + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && slot.word_size == word.size() &&
        std::memcmp(words_.data() + slot.word_begin, word.data(), word.size()) == 0) {
      return std::span(tokens_).subspan(slot.token_begin, slot.token_count);
    }
  }
  return std::nullopt;
}

void WordCache::insert(std::string_view word, std::span<const BpeToken> tokens) {
  if (word.empty() || word.size() > kLongestWord || used_ == kMostWords) return;
  if (2 * (used_ + 1) > slots_.size()) grow();
  Slot slot;
  slot.hash = hash_of(word);
  slot.word_begin = static_cast<std::uint32_t>(words_.size());
  slot.word_size = static_cast<std::uint16_t>(word.size());
  slot.token_begin = static_cast<std::uint32_t>(tokens_.size());
  slot.token_count = static_cast<std::uint16_t>(tokens.size());
  words_ += word;
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  std::size_t at = slot.hash & (slots_.size() - 1);
  while (slots_[at].word_size != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = slot;
  ++used_;
}

void WordCache::grow() {
  std::vector<Slot> larger(2 * slots_.size());
  for (const Slot& slot : slots_) {
    if (slot.word_size == 0) continue;
    std::size_t at = slot.hash & (larger.size() - 1);
    while (larger[at].word_size != 0) at = (at + 1) & (larger.size() - 1);
    larger[at] = slot;
  }
  slots_.swap(larger);
}

}  // namespace gemring

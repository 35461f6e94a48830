#include "engine/text/bpe.h"

#include <algorithm>
#include <bit>

#include "engine/base/check.h"

namespace gemring {

namespace {

constexpr std::uint64_t kEmpty = ~std::uint64_t{0};  // no pair: ids are not negative

std::uint64_t pair_key(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left.value())} << 32 | static_cast<std::uint32_t>(right.value());
}

}  // namespace

MergeTable::MergeTable(std::size_t capacity)
    : slots_(std::bit_ceil(2 * capacity + 2), Slot{kEmpty, {}}), shift_(64 - std::countr_zero(slots_.size())) {}

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  return static_cast<std::size_t>(pair * 0x9E3779B97F4A7C15u >> shift_);  // Fibonacci hashing: the top bits mix best
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t pair = pair_key(left, right);
  std::size_t at = slot_of(pair);
  while (slots_[at].pair != kEmpty && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {pair, merge};
}

const Merge* MergeTable::find(TokenId left, TokenId right) const {
  const std::uint64_t pair = pair_key(left, right);
  for (std::size_t at = slot_of(pair);; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].pair == pair) return &slots_[at].merge;
    if (slots_[at].pair == kEmpty) return nullptr;
  }
}

void BpeEncoder::append_symbol(TokenId id, std::size_t end) {
  const auto at = static_cast<std::int32_t>(symbols_.size());
  if (at > 0) symbols_.back().next = at;
  symbols_.push_back({id, static_cast<std::uint32_t>(end), at - 1, -1, false});
}

void BpeEncoder::fill_symbols(std::string_view word) {
  symbols_.clear();
  bool after_unknown = false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const std::optional<TokenId> id = model_.byte_tokens[static_cast<unsigned char>(word[i])];
    if (id) {
      append_symbol(*id, i + 1);
    } else if (after_unknown && model_.fuse_unknown) {
      symbols_.back().end = static_cast<std::uint32_t>(i + 1);
    } else if (model_.unknown) {
      append_symbol(*model_.unknown, i + 1);
    }  // else the byte is dropped and its neighbours may merge: the reference does so
    after_unknown = !id && model_.unknown;
  }
}

const Merge* BpeEncoder::merge_of(std::int32_t left, std::int32_t right) const {
  return model_.merges.find(symbols_[static_cast<std::size_t>(left)].id, symbols_[static_cast<std::size_t>(right)].id);
}

void BpeEncoder::push_candidate(std::int32_t left, std::int32_t right) {
  if (left < 0 || right < 0) return;
  if (const Merge* merge = merge_of(left, right)) {
    heap_.push_back({merge->rank, left, merge->merged});
    std::push_heap(heap_.begin(), heap_.end());
  }
}

void BpeEncoder::apply(const Candidate& best) {
  Symbol& left = symbols_[static_cast<std::size_t>(best.left)];
  if (left.merged_away || left.next < 0) return;
  // The pair may have changed since it was pushed.
  const Merge* merge = merge_of(best.left, left.next);
  if (merge == nullptr || merge->merged != best.merged) return;

  Symbol& right = symbols_[static_cast<std::size_t>(left.next)];
  left.id = best.merged;
  left.end = right.end;
  left.next = right.next;
  right.merged_away = true;
  if (left.next >= 0) symbols_[static_cast<std::size_t>(left.next)].previous = best.left;
  push_candidate(left.previous, best.left);
  push_candidate(best.left, left.next);
}

void BpeEncoder::encode(std::string_view word, std::vector<BpeToken>& out) {
  GEMRING_CHECK(word.size() < std::size_t{1} << 31, "a word of {} bytes", word.size());
  if (!model_.whole_words.empty()) {
    if (const auto whole = model_.whole_words.find(std::string(word)); whole != model_.whole_words.end()) {
      out.push_back({whole->second, static_cast<std::uint32_t>(word.size())});
      return;
    }
  }
  fill_symbols(word);
  heap_.clear();
  const auto count = static_cast<std::int32_t>(symbols_.size());
  for (std::int32_t i = 0; i + 1 < count; ++i) {
    if (const Merge* merge = merge_of(i, i + 1)) heap_.push_back({merge->rank, i, merge->merged});
  }
  std::make_heap(heap_.begin(), heap_.end());
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const Candidate best = heap_.back();
    heap_.pop_back();
    apply(best);
  }
  for (const Symbol& symbol : symbols_) {
    if (!symbol.merged_away) out.push_back({symbol.id, symbol.end});
  }
}

}  // namespace gemring

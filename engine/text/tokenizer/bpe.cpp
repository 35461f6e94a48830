#include "engine/text/tokenizer/bpe.h"

#include <algorithm>
#include <bit>

#include "engine/base/check.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

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

void CharacterTable::set(char32_t code, TokenId symbol) {
  GEMRING_CHECK(code < 0x110000, "code point {:X}", static_cast<unsigned>(code));
  std::uint16_t& page = page_of_[code >> 8];
  if (page == 0) {
    symbols_.resize(symbols_.size() + 256, -1);
    page = static_cast<std::uint16_t>(symbols_.size() / 256);
  }
  symbols_[(page - 1u) * 256u + (code & 0xFF)] = symbol.value();
}

void BpeEncoder::append_symbol(TokenId id, std::size_t end) {
  const auto at = static_cast<std::int32_t>(symbols_.size());
  if (at > 0) symbols_.back().next = at;
  symbols_.push_back({id, static_cast<std::uint32_t>(end), at - 1, -1, false});
  after_unknown_ = false;
}

// Without an unknown token what has no symbol is dropped and its neighbours may merge: the reference does so.
void BpeEncoder::append_unknown(std::size_t end) {
  if (after_unknown_ && model_.fuse_unknown) {
    symbols_.back().end = static_cast<std::uint32_t>(end);
  } else if (model_.unknown) {
    append_symbol(*model_.unknown, end);
    after_unknown_ = true;
  }
}

// One symbol for each of `bytes`, which end at `end` of the word; false, and none, where one has no token.
bool BpeEncoder::append_byte_tokens(std::string_view bytes, std::size_t end) {
  const auto token_of = [this](char byte) { return model_.byte_tokens[static_cast<unsigned char>(byte)]; };
  if (!std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return token_of(byte).has_value(); })) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) append_symbol(*token_of(bytes[i]), end - bytes.size() + i + 1);
  return true;
}

void BpeEncoder::fill_from_bytes(std::string_view word) {
  for (std::size_t i = 0; i < word.size(); ++i) {
    if (!append_byte_tokens(word.substr(i, 1), i + 1)) append_unknown(i + 1);
  }
}

void BpeEncoder::fill_from_characters(std::string_view word) {
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, utf8_sequence(word.substr(at)).length);
    at += character.size();
    if (const auto symbol = model_.characters.find(code_point(character))) {
      append_symbol(*symbol, at);
    } else if (!append_byte_tokens(character, at)) {
      append_unknown(at);
    }
  }
}

void BpeEncoder::fill_symbols(std::string_view word) {
  symbols_.clear();
  after_unknown_ = false;
  if (model_.byte_level) {
    fill_from_bytes(word);
  } else {
    fill_from_characters(word);
  }
}

// What is left of the symbols. A stand-in is one character: its bytes begin where the symbol before it ends.
void BpeEncoder::give(std::string_view word, std::vector<BpeToken>& out) const {
  std::uint32_t begin = 0;
  bool after_unknown = false;
  for (const Symbol& symbol : symbols_) {
    if (symbol.merged_away) continue;
    const bool stands_in = !(symbol.id < model_.first_stand_in);
    const std::string_view bytes = stands_in ? word.substr(begin, symbol.end - begin) : std::string_view();
    begin = symbol.end;
    if (!stands_in) {
      out.push_back({symbol.id, symbol.end});
      after_unknown = false;
      continue;
    }
    const auto token_of = [this](char byte) { return model_.byte_tokens[static_cast<unsigned char>(byte)]; };
    if (std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return token_of(byte).has_value(); })) {
      auto end = static_cast<std::uint32_t>(symbol.end - bytes.size());
      for (const char byte : bytes) out.push_back({*token_of(byte), ++end});
      after_unknown = false;
    } else if (after_unknown && model_.fuse_unknown) {
      out.back().end = symbol.end;
    } else if (model_.unknown) {
      out.push_back({*model_.unknown, symbol.end});
      after_unknown = true;
    }
  }
}

const Merge* BpeEncoder::merge_of(std::int32_t left, std::int32_t right) const {
  return model_.merges.find(symbols_[static_cast<std::size_t>(left)].id, symbols_[static_cast<std::size_t>(right)].id);
}

void BpeEncoder::push_candidate(std::int32_t left, std::int32_t right) {
  if (left < 0 || right < 0) return;
  if (const Merge* merge = merge_of(left, right)) {
    heap_.emplace_back(*merge, left);
    std::push_heap(heap_.begin(), heap_.end());
  }
}

void BpeEncoder::apply(const Candidate& best) {
  Symbol& left = symbols_[static_cast<std::size_t>(best.left())];
  if (left.merged_away || left.next < 0) return;
  // The pair may have changed since it was pushed.
  const Merge* merge = merge_of(best.left(), left.next);
  if (merge == nullptr || merge->merged != best.merged) return;

  Symbol& right = symbols_[static_cast<std::size_t>(left.next)];
  left.id = best.merged;
  left.end = right.end;
  left.next = right.next;
  right.merged_away = true;
  if (left.next >= 0) symbols_[static_cast<std::size_t>(left.next)].previous = best.left();
  push_candidate(left.previous, best.left());
  push_candidate(best.left(), left.next);
}

void BpeEncoder::merge_all() {
  first_.clear();
  const auto count = static_cast<std::int32_t>(symbols_.size());
  for (std::int32_t i = 0; i + 1 < count; ++i) {
    if (const Merge* merge = merge_of(i, i + 1)) first_.emplace_back(*merge, i);
  }
  std::sort(first_.begin(), first_.end());
  heap_.clear();
  while (!first_.empty() || !heap_.empty()) {
    const bool from_heap = first_.empty() || (!heap_.empty() && first_.back() < heap_.front());
    if (from_heap) std::pop_heap(heap_.begin(), heap_.end());
    std::vector<Candidate>& from = from_heap ? heap_ : first_;
    const Candidate best = from.back();
    from.pop_back();
    apply(best);
  }
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
  merge_all();
  give(word, out);
}

}  // namespace gemring

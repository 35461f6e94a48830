// A part of the text on its way to tokens, and where its bytes come from: normalisers and pre-tokenisers change the
// text, but offsets are those of the text as it was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// Valid UTF-8, seen through a map of offsets; whoever made it owns both.
struct TextPart {
  std::string_view bytes;
  std::size_t begin = 0;                // without `ends`, byte i is byte begin + i of the original text
  const std::uint32_t* ends = nullptr;  // [bytes.size() + 1], ascending: see end_of

  /// The offset in the original text behind all that the first `count` bytes come from.
  std::size_t end_of(std::size_t count) const { return ends == nullptr ? begin + count : ends[count]; }

  TextPart part(std::size_t from, std::size_t to) const {
    return {bytes.substr(from, to - from), begin + from, ends == nullptr ? nullptr : ends + from};
  }
};

/// A changed text with its map; reused from text to text.
class MappedText {
 public:
  /// Empties it; what follows is made of `source`, front to back.
  void start(const TextPart& source) {
    bytes_.clear();
    ends_.assign(1, static_cast<std::uint32_t>(source.end_of(0)));
  }

  /// Bytes `from` to `to` of the source as they are.
  void keep(const TextPart& source, std::size_t from, std::size_t to) {
    if (bytes_.empty()) ends_[0] = static_cast<std::uint32_t>(source.end_of(from));  // what was dropped lies before it
    bytes_ += source.bytes.substr(from, to - from);
    for (std::size_t count = from + 1; count <= to; ++count) {
      ends_.push_back(static_cast<std::uint32_t>(source.end_of(count)));
    }
  }

  /// `text` in the place of what ends at `original_end` in the original text.
  void put(std::string_view text, std::size_t original_end) {
    bytes_ += text;
    ends_.insert(ends_.end(), text.size(), static_cast<std::uint32_t>(original_end));
  }

  std::size_t size() const { return bytes_.size(); }

  /// Valid until the next change.
  TextPart view() const { return {bytes_, 0, ends_.data()}; }

 private:
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
};

}  // namespace gemring

#include "engine/text/tokenizer/word_cutter.h"

namespace gemring {

void WordCutter::add_join(char32_t last, char32_t first) {
  const std::size_t before = class_of(last), behind = class_of(first);
  if (before != kNone && behind != kNone) joins_.set(before * kClasses + behind);
}

void WordCutter::allow(char32_t code) {
  if (class_of(code) != kNone) usable_.set(class_of(code));
}

std::size_t WordCutter::first_part(std::string_view word) const {
  std::size_t before = kNone;
  for (std::size_t at = 0; at < word.size();) {
    const auto lead = static_cast<unsigned char>(word[at]);
    std::size_t behind = kNone, length = 1;
    if (lead < 0x80) {
      behind = lead;
    } else {
      length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
      if (word.substr(at, length) == "\u2581") behind = kSpace;
    }
    if (!usable_[behind]) behind = kNone;
    if (before != kNone && behind != kNone && !joins_[before * kClasses + behind]) return at;
    before = behind;
    at += length;
  }
  return word.size();
}

}  // namespace gemring

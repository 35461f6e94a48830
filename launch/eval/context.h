// A text as it is put together, with the places of the answers.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/text/unicode/byte_range.h"

namespace gemring {

/// A sentence; `answer` is a part of it that is asked for, or empty.
struct Fact {
  std::string sentence;
  std::string answer;
};

class ContextText {
 public:
  explicit ContextText(std::string text) : text_(std::move(text)) {}

  void add(std::string_view text) { text_ += text; }

  /// Of the sentence the last place counts: a key may be written like a value.
  void add(const Fact& fact) {
    if (!fact.answer.empty()) {
      const std::size_t at = fact.sentence.rfind(fact.answer);
      GEMRING_CHECK(at != std::string::npos, "'{}' is not in '{}'", fact.answer, fact.sentence);
      places_.push_back({text_.size() + at, text_.size() + at + fact.answer.size()});
    }
    text_ += fact.sentence;
  }

  const std::string& text() const { return text_; }
  const std::vector<ByteRange>& places() const { return places_; }

 private:
  std::string text_;
  std::vector<ByteRange> places_;
};

}  // namespace gemring

// The text of an answer as its tokens come, up to the first stop string.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/generation/stop_rules.h"
#include "engine/text/tokenizer/tokenizer.h"

namespace gemring {

class AnswerText {
 public:
  /// The tokenizer is kept by reference. The first of `stop` in the text ends it and is left out.
  AnswerText(const Tokenizer& tokenizer, const std::vector<std::string>& stop) : decoder_(tokenizer) {
    if (!stop.empty()) stop_.emplace(stop);
  }

  /// What can be given out now: whole characters, and nothing that may be the beginning of a stop string.
  std::string push(TokenId id) {
    std::string text = decoder_.push(id);
    return stop_ ? stop_->push(text) : text;
  }

  /// What was held back.
  std::string finish() {
    std::string text = decoder_.finish();
    return stop_ ? stop_->push(text) + stop_->finish() : text;
  }

 private:
  StreamingDecoder decoder_;
  std::optional<StopStrings> stop_;
};

}  // namespace gemring

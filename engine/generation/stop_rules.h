// When an answer is over. Runs on rank 0 only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/types.h"

namespace gemring {

/// Why generation ended, or that it goes on.
enum class StopReason {
  none,
  end_token,
  stop_string,
  length,
  cancelled,  // somebody wanted no more of it
  failed,     // it has an error for a result
};

struct StopRules {
  std::vector<TokenId> end_tokens;  // any eos id of config.json or generation_config.json
  std::int32_t max_new_tokens = 256;
  bool ignore_end_tokens = false;
  /// Called with each token that is no end token, once, in order: true where the text ends in a stop string now. Who
  /// gives it knows the tokenizer (StopStrings on the text of a StreamingDecoder). Empty: no stop strings.
  std::function<bool(TokenId)> ends_text = {};

  /// After `generated` tokens, the last of which is `token`. An end token counts before a stop string, and that before
  /// the length. Requires: generated >= 1.
  StopReason check(TokenId token, std::int32_t generated) const;
};

/// Finds stop strings in a text that comes in pieces. Worked example, for the stop string "\n\nQ:":
///
///     push       "Paris."   "\n"     "\nIt"        "\n\n"   "Q: what"
///     text out   "Paris."   ""       "\n\nIt"      ""       ""           found()
///
/// What may be the beginning of a stop string is held back until more text decides. A stop string ends the text at
/// the first byte that completes any of them (the longest, where one byte completes several): how the text was cut
/// into pieces changes nothing.
class StopStrings {
 public:
  static constexpr std::size_t kMost = 64;          // strings
  static constexpr std::size_t kLongest = 1 << 12;  // bytes of one

  /// Throws UsageError, `option` in front: more than kMost, an empty one, one longer than kLongest.
  explicit StopStrings(std::vector<std::string> strings, std::string_view option = "--stop");

  /// Appends `piece` to the text. Returns what can be given out now: neither the stop string nor anything behind it.
  /// Valid UTF-8 comes out where `piece` and the strings are valid UTF-8.
  std::string push(std::string_view piece);

  /// Whether the text has ended in a stop string. Nothing comes out of push() and finish() from then on.
  bool found() const { return found_; }

  /// What was held back at the end of the text.
  std::string finish();

 private:
  struct Pattern {
    std::string text;
    std::vector<std::size_t> borders;  // [i]: longest proper border of text[0, i] (Knuth, Morris, Pratt 1977)
    std::size_t matched = 0;           // bytes of `text` that the text ends in
  };
  static void advance(Pattern& pattern, char next);

  std::vector<Pattern> patterns_;
  std::string held_;  // the end of the text that may be the beginning of a stop string
  bool found_ = false;
};

}  // namespace gemring

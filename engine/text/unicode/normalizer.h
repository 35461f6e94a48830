// Changes of the text before it is cut into words (tokenizer.json, "normalizer").
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "engine/text/unicode/regex.h"
#include "engine/text/unicode/text_part.h"

namespace gemring {

struct NormalizerStep {
  enum class Kind {
    nfc,
    prepend,  // `content` before a part that is not empty
    replace,  // each `pattern` becomes `content`
  };
  Kind kind;
  std::string content;
  std::string pattern;
  bool pattern_is_regex = false;
};

/// Immutable: threads may share it.
class Normalizer {
 public:
  /// Throws ConfigError where a pattern does not compile or is empty.
  explicit Normalizer(const std::vector<NormalizerStep>& steps);

  /// What one thread needs besides; the Normalizer must outlive it.
  class Scratch {
   public:
    explicit Scratch(const Normalizer& normalizer);

   private:
    friend class Normalizer;
    std::vector<std::optional<Matcher>> matchers_;  // one per step
    std::array<MappedText, 2> texts_;
  };

  /// `part` with all steps done to it, in order. Lives as long as `part` and until the next call with this scratch.
  /// Throws UsageError where they make it more than 16 times longer (some 4 KiB are free): none that is published does.
  TextPart normalize(TextPart part, Scratch& scratch) const;

 private:
  struct Step {
    NormalizerStep what;
    std::optional<Regex> regex;
  };
  static bool run(const Step& step, const TextPart& part, std::size_t longest, std::optional<Matcher>& matcher,
                  MappedText& out);
  std::vector<Step> steps_;
};

}  // namespace gemring

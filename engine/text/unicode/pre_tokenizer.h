// Cuts a part of the text into the words that BPE works on, stage by stage (tokenizer.json, "pre_tokenizer").
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/unicode/regex.h"
#include "engine/text/unicode/text_part.h"

namespace gemring {

/// GPT-2's split, which ByteLevel uses with use_regex.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// Digits: Unicode numeric, Rust's char::is_numeric.
inline constexpr std::string_view kEachDigitPattern = R"(\p{N})";
inline constexpr std::string_view kDigitRunPattern = R"(\p{N}+)";

/// What becomes of a match of the pattern. What lies between two matches is a piece in any case.
enum class SplitBehavior {
  isolated,              // a piece of its own
  removed,               // dropped
  merged_with_previous,  // the end of the piece before, or, behind another match, a piece of its own
  merged_with_next,      // the beginning of the piece behind, or, before another match, a piece of its own
  contiguous,            // neighbouring matches are one piece
};

/// One stage. First spaces are replaced and one is put in front, then the pattern splits.
struct PreTokenizerStage {
  enum class Prefix { never, first, always };  // first: only where the text begins

  std::string pattern = {};  // empty: no split
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false;            // what lies between the matches counts as match, and matches as what lies between
  std::string space = {};         // what spaces become; empty: they stay
  Prefix prefix = Prefix::never;  // a space (as it is then) before a piece that does not begin with one
};

class PreTokenizer {
 public:
  /// Throws ConfigError where a pattern does not compile.
  explicit PreTokenizer(const std::vector<PreTokenizerStage>& stages);

  /// What one thread needs besides; the PreTokenizer must outlive it.
  class Scratch {
   public:
    explicit Scratch(const PreTokenizer& pre_tokenizer);

   private:
    friend class PreTokenizer;
    struct Segment {
      Match place;
      bool is_match;
    };
    struct Stage {
      std::optional<Matcher> matcher;
      MappedText text;
      std::vector<Segment> segments;
    };
    std::vector<Stage> stages_;
  };

  /// A word is not empty and lives until the sink returns.
  using Sink = std::function<void(const TextPart& word)>;

  /// Gives the words of `part`, in order, to `sink`.
  void split(const TextPart& part, Scratch& scratch, const Sink& sink) const;

 private:
  struct CompiledStage {
    PreTokenizerStage what;
    std::optional<Regex> regex;
  };
  void run_stage(std::size_t stage, TextPart piece, Scratch& scratch, const Sink& sink) const;
  static TextPart change_spaces(const PreTokenizerStage& stage, const TextPart& piece, MappedText& out);
  static void find_segments(std::string_view text, bool invert, Scratch::Stage& scratch);
  static void merge_segments(SplitBehavior behavior, std::vector<Scratch::Segment>& segments);
  std::vector<CompiledStage> stages_;
};

}  // namespace gemring

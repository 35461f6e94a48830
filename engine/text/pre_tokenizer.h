// Cuts a piece of text into the words that BPE works on, stage by stage (tokenizer.json, "pre_tokenizer").
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/regex.h"

namespace gemring {

/// GPT-2's split, which ByteLevel uses with use_regex.
inline constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// Digits: Unicode numeric, Rust's char::is_numeric.
inline constexpr std::string_view kEachDigitPattern = R"(\p{N})";
inline constexpr std::string_view kDigitRunPattern = R"(\p{N}+)";

/// One stage: each match is a piece, and so is what lies between two matches.
struct SplitStage {
  std::string pattern;            // empty: no split
  bool add_prefix_space = false;  // a space in front of each piece that does not begin with one, before the split
};

struct Word {
  std::string_view bytes;  // valid UTF-8, not empty; lives until the sink returns
  std::ptrdiff_t begin;    // offset in the text of the first byte; one less where a space was put in front
};

class PreTokenizer {
 public:
  /// Throws ConfigError where a pattern does not compile.
  explicit PreTokenizer(const std::vector<SplitStage>& stages);

  /// What one thread needs besides; the PreTokenizer must outlive it.
  class Scratch {
   public:
    explicit Scratch(const PreTokenizer& pre_tokenizer);

   private:
    friend class PreTokenizer;
    std::vector<std::optional<Matcher>> matchers_;  // one per stage
    std::vector<std::string> prefixed_;
  };

  using Sink = std::function<void(Word)>;

  /// Gives the words of `piece`, in order, to `sink`. `piece` is valid UTF-8 and stands at `begin` of the text.
  void split(std::string_view piece, std::size_t begin, Scratch& scratch, const Sink& sink) const;

 private:
  void run_stage(std::size_t stage, Word piece, Scratch& scratch, const Sink& sink) const;

  struct CompiledStage {
    std::optional<Regex> regex;
    bool add_prefix_space;
  };
  std::vector<CompiledStage> stages_;
};

}  // namespace gemring

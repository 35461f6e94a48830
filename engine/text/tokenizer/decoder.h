// Tokens to text: how their bytes are joined (tokenizer.json, "decoder").
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gemring {

/// What a decoder does to the whole text. What it does to each token is done when the file is read.
struct DecoderRules {
  std::string leading = {};             // UTF-8 of one character that is taken away where the text begins (Strip), ...
  std::size_t leading_count = 0;        // ... up to so many times
  bool first_loses_its_spaces = false;  // Metaspace: those of the first token stand for none in the text
};

/// Joins the bytes of tokens to valid UTF-8. Bytes of plain tokens may be parts of sequences: an incomplete one is held
/// back, a broken one becomes U+FFFD. Byte tokens (<0x0A>) stand for themselves: where a run of them is no UTF-8, each
/// of the run becomes one U+FFFD.
class TextJoiner {
 public:
  enum class ByteRuns {
    held_back,       // until the run ends: what the reference gives
    given_in_parts,  // each sequence as soon as it is whole, so that only what is broken of a run becomes U+FFFD
  };

  TextJoiner(const DecoderRules& rules, ByteRuns byte_runs)
      : rules_(&rules), byte_runs_(byte_runs), leading_left_(rules.leading_count) {}

  /// Appends to `out` what is complete now.
  void push(std::string_view bytes, bool is_byte_token, std::string& out);

  /// As push of a plain token, but a first one keeps its spaces.
  void push_as_it_is(std::string_view bytes, std::string& out);

  /// Whether nothing was pushed yet.
  bool is_new() const { return first_; }

  /// Appends what was held back.
  void finish(std::string& out);

 private:
  void give(std::string& out);
  void end_run();

  const DecoderRules* rules_;
  ByteRuns byte_runs_;
  std::size_t leading_left_;
  bool first_ = true;
  std::string run_;    // of byte tokens
  std::string held_;   // the incomplete end of plain tokens
  std::string ready_;  // valid text on its way out
};

}  // namespace gemring

// Questions with known answers in long texts: facts that are put into a text where nobody would look for them. The
// kinds that look for magic values are RULER's (arXiv 2404.06654).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

enum class NeedleKind {
  number,     // "One of the special magic numbers for KEY is: 7 digits."
  word,       // the same of a word
  uuid,       // of 32 hexadecimal digits
  fact,       // a plain fact about a person, asked in other words but for the name
  many_keys,  // one number of four
  two_facts,  // two numbers of two keys
  paraphrase  // a fact whose question shares no name and no other rare word with it
};
inline constexpr NeedleKind kNeedleKinds[] = {NeedleKind::number,    NeedleKind::word,      NeedleKind::uuid,
                                              NeedleKind::fact,      NeedleKind::many_keys, NeedleKind::two_facts,
                                              NeedleKind::paraphrase};

std::string_view name(NeedleKind kind);  // "many keys"

/// A text with what is asked of it.
struct Needle {
  std::string kind;
  std::string text;
  std::string question;
  std::vector<std::string> facts;          // sentences of the text with the answers; each stands there once
  std::vector<std::string> answers;        // one in each fact
  std::vector<std::string> accepted = {};  // of a question that is given: other ways to say the answer
};

/// Puts needles into `hay`, at the ends of sentences. The same seed makes the same needles, on any machine. Requires:
/// hay is not empty.
Needle make_needle(NeedleKind kind, std::string_view hay, std::uint64_t seed);

}  // namespace gemring

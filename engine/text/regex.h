// Regular expressions of tokenizer files, by PCRE2 (Unicode 14: code points assigned later count as unassigned).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gemring {

/// The pattern with \s and \S spelled out: PCRE2's \s contains U+180E, that of the engines tokenizers are made with
/// does not. Throws ConfigError for \S inside a bracket, which has no such spelling.
std::string spell_out_whitespace(std::string_view pattern);

/// A compiled pattern. Immutable: threads may share it.
class Regex {
 public:
  /// Throws ConfigError where PCRE2 does not accept the pattern.
  explicit Regex(std::string_view pattern);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

 private:
  friend class Matcher;
  struct Code;
  std::unique_ptr<Code> code_;
};

struct Match {
  std::size_t begin;
  std::size_t end;
};

/// Scratch for matching one Regex in one thread; the Regex must outlive it.
class Matcher {
 public:
  explicit Matcher(const Regex& regex);
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  /// The first match that begins at `from` or later. `subject` must be valid UTF-8 and `from` the beginning of a code
  /// point: neither is checked again. Throws ResourceError where PCRE2 gives up (its match limit).
  std::optional<Match> find(std::string_view subject, std::size_t from);

 private:
  struct Scratch;
  const Regex* regex_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace gemring

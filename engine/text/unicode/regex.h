// Regular expressions of tokenizer files, by PCRE2 (Unicode 14: code points assigned later count as unassigned).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gemring {

/// \w of Rust's regex, as a class without its brackets. (Oniguruma's is another: \p{L}\p{M}\p{N}\p{Pc}.)
inline constexpr std::string_view kRustWordClass = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control})";

/// A pattern of a tokenizer file, written for Oniguruma, in words that mean the same to PCRE2: \s, \S, \w and \W are
/// spelled out (PCRE2's \s contains U+180E, its \w no combining marks). Throws ConfigError for what has no such
/// spelling: classes inside classes (&&, [), \W inside a class, a + behind {n,m}, \h.
std::string translate_pattern(std::string_view pattern);

/// The pattern that matches `text` and nothing else.
std::string quote_pattern(std::string_view text);

/// A compiled pattern. Immutable: threads may share it.
class Regex {
 public:
  /// A pattern as tokenizer files have it. Throws ConfigError where it does not compile.
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

  /// Calls `found` with each match, front to back. Empty ones count, but not right behind the match before
  /// (the iterator of Rust's onig crate).
  template <class Found>
  void for_each(std::string_view subject, const Found& found) {
    std::size_t from = 0;
    std::optional<std::size_t> last_end;
    while (from <= subject.size()) {
      const std::optional<Match> match = find(subject, from);
      if (!match) return;
      if (match->begin == match->end && match->end == last_end) {
        for (++from; from < subject.size() && (static_cast<unsigned char>(subject[from]) & 0xC0) == 0x80;) ++from;
        continue;
      }
      found(*match);
      from = match->end;
      last_end = match->end;
    }
  }

 private:
  struct Scratch;
  const Regex* regex_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace gemring

#include "engine/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <new>

#include "engine/base/error.h"

namespace gemring {

namespace {

// Unicode White_Space, which \s means in Oniguruma and in Rust's regex.
constexpr std::string_view kWhitespace =
    R"(\t-\r\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// The JIT's own stack, beyond the 32 KiB of the machine stack that it uses without one.
constexpr std::size_t kJitStackStart = 64u << 10;
constexpr std::size_t kJitStackMost = 16u << 20;

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

std::string spell_out_whitespace(std::string_view pattern) {
  std::string out;
  bool in_bracket = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      if (escaped == 's') {
        out += in_bracket ? std::string(kWhitespace) : fmt::format("[{}]", kWhitespace);
      } else if (escaped == 'S' && in_bracket) {
        throw ConfigError({std::string(pattern), "\\S inside a bracket is not supported in a tokenizer's pattern", ""});
      } else if (escaped == 'S') {
        out += fmt::format("[^{}]", kWhitespace);
      } else {
        out += {c, escaped};
      }
      continue;
    }
    if (c == '[') in_bracket = true;
    if (c == ']') in_bracket = false;
    out += c;
  }
  return out;
}

struct Regex::Code {
  pcre2_code* compiled = nullptr;
  ~Code() { pcre2_code_free(compiled); }
};

Regex::Regex(std::string_view pattern) : code_(std::make_unique<Code>()) {
  const std::string spelled = spell_out_whitespace(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_NO_AUTO_CAPTURE, &error, &offset, nullptr);
  if (code_->compiled == nullptr) {
    throw ConfigError({std::string(pattern),
                       fmt::format("PCRE2 does not accept this pattern of the tokenizer: {}", pcre2_message(error)),
                       ""});
  }
  // Where the system forbids the JIT (no executable memory) pcre2_match interprets: slower, the same matches.
  pcre2_jit_compile(code_->compiled, PCRE2_JIT_COMPLETE);
}

Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

struct Matcher::Scratch {
  pcre2_match_data* data = nullptr;
  pcre2_match_context* context = nullptr;
  pcre2_jit_stack* stack = nullptr;
  ~Scratch() {
    pcre2_jit_stack_free(stack);
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
  }
};

Matcher::Matcher(const Regex& regex) : regex_(&regex), scratch_(std::make_unique<Scratch>()) {
  scratch_->data = pcre2_match_data_create_from_pattern(regex.code_->compiled, nullptr);
  scratch_->context = pcre2_match_context_create(nullptr);
  scratch_->stack = pcre2_jit_stack_create(kJitStackStart, kJitStackMost, nullptr);
  if (scratch_->data == nullptr || scratch_->context == nullptr) throw std::bad_alloc();
  if (scratch_->stack != nullptr) pcre2_jit_stack_assign(scratch_->context, nullptr, scratch_->stack);
}

Matcher::Matcher(Matcher&&) noexcept = default;
Matcher& Matcher::operator=(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;

std::optional<Match> Matcher::find(std::string_view subject, std::size_t from) {
  // NO_UTF_CHECK: otherwise each call would check the rest of the text again, n^2 in all.
  const int result = pcre2_match(regex_->code_->compiled, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(),
                                 from, PCRE2_NO_UTF_CHECK, scratch_->data, scratch_->context);
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (result < 0) {
    throw ResourceError({"tokenizer",
                         fmt::format("PCRE2 gave up splitting {} bytes of the text behind byte {}: {}", subject.size(),
                                     from, pcre2_message(result)),
                         "check the text for a run of millions of characters without a break"});
  }
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(scratch_->data);
  return Match{ends[0], ends[1]};
}

}  // namespace gemring

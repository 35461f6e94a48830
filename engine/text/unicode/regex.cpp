#include "engine/text/unicode/regex.h"

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

// \w of Oniguruma (doc/RE, "Unicode").
constexpr std::string_view kWord = R"(\p{L}\p{M}\p{N}\p{Pc})";

// The JIT's own stack, beyond the 32 KiB of the machine stack that it uses without one.
constexpr std::size_t kJitStackStart = 64u << 10;
constexpr std::size_t kJitStackMost = 16u << 20;

std::string pcre2_message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

namespace {

[[noreturn]] void refuse_pattern(std::string_view pattern, const std::string& what) {
  throw ConfigError({std::string(pattern), what + " is not supported in a tokenizer's pattern", ""});
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\' && at_ + 1 < pattern_.size()) {
        escape();
      } else if (in_bracket_) {
        in_bracket(c);
      } else {
        outside(c);
      }
    }
    return std::move(out_);
  }

 private:
  void escape() {
    const char escaped = pattern_[at_ + 1];
    at_ += 2;
    switch (escaped) {
      case 's':
        return add_class(kWhitespace, false);
      case 'S':
        if (in_bracket_) return out_.append(R"(\P{White_Space})"), void();
        return add_class(kWhitespace, true);
      case 'w':
        return add_class(kWord, false);
      case 'W':
        if (in_bracket_) refuse_pattern(pattern_, R"(\W inside a bracket)");
        return add_class(kWord, true);
      case 'h':
      case 'H':
        refuse_pattern(pattern_, R"(\h)");
      default:
        break;
    }
    out_ += {'\\', escaped};
    const bool has_name = (escaped == 'p' || escaped == 'P' || escaped == 'x' || escaped == 'k' || escaped == 'g') &&
                          at_ < pattern_.size() && pattern_[at_] == '{';
    if (!has_name) return;
    const std::size_t close = pattern_.find('}', at_);
    if (close == std::string_view::npos) return;
    out_ += pattern_.substr(at_, close + 1 - at_);
    at_ = close + 1;
  }

  void add_class(std::string_view content, bool negated) {
    if (in_bracket_) {
      out_ += content;
    } else {
      out_.append(negated ? "[^" : "[").append(content).append("]");
    }
  }

  void in_bracket(char c) {
    if (c == '[') refuse_pattern(pattern_, "a bracket inside a bracket");
    if (pattern_.substr(at_).starts_with("&&")) refuse_pattern(pattern_, "&& inside a bracket");
    if (c == ']') in_bracket_ = false;
    out_ += c;
    ++at_;
  }

  void outside(char c) {
    if (c == '}' && pattern_.substr(at_ + 1).starts_with('+')) refuse_pattern(pattern_, "a + behind {n,m}");
    out_ += c;
    ++at_;
    if (c != '[') return;
    in_bracket_ = true;
    for (const char first : {'^', ']'}) {  // a ] that stands first is one of the class
      if (at_ < pattern_.size() && pattern_[at_] == first) out_ += pattern_[at_++];
    }
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool in_bracket_ = false;
  std::string out_;
};

}  // namespace

std::string translate_pattern(std::string_view pattern) {
  return Translator(pattern).run();
}

std::string quote_pattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (byte < 0x20) {
      out += fmt::format("\\x{{{:X}}}", byte);
    } else {
      if (!plain) out += '\\';
      out += c;
    }
  }
  return out;
}

struct Regex::Code {
  pcre2_code* compiled = nullptr;
  ~Code() { pcre2_code_free(compiled); }
};

Regex::Regex(std::string_view pattern) : code_(std::make_unique<Code>()) {
  const std::string spelled = translate_pattern(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->compiled =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
                    // MULTILINE: $ and ^ of Oniguruma's Ruby syntax stand at every line.
                    // NEVER_BACKSLASH_C: \C would end matches within a UTF-8 sequence.
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C, &error,
                    &offset, nullptr);
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
  // A \K in a group that a look-around calls by its name moves the beginning anywhere.
  if (ends[0] < from || ends[0] > ends[1])
    throw ConfigError({"tokenizer", "a pattern whose matches begin outside of themselves (\\K) is not supported", ""});
  return Match{ends[0], ends[1]};
}

}  // namespace gemring

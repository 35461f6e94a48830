#include "engine/text/chat/chat_template_lexer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/text/chat/python_text.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {
namespace {

/// Every line end as '\n', and one at the very end taken away (Jinja: newline_sequence, keep_trailing_newline false).
std::string normal_line_ends(std::string_view source) {
  std::string text;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool is_name_byte(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || (byte >= '0' && byte <= '9');
}

bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

int hex_value(char byte) {
  if (is_digit(byte)) return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

class Splitter {
 public:
  explicit Splitter(std::string source) : source_(std::move(source)), rest_(source_) {}

  std::optional<std::vector<TemplatePiece>> run() {
    while (!rest_.empty()) {
      const std::size_t begin = tag_begin();
      if (begin == std::string_view::npos) {
        add_text(rest_);
        break;
      }
      if (!read_tag(begin)) return std::nullopt;
    }
    return std::move(pieces_);
  }

 private:
  /// Offset in rest_ of the first {{, {% or {#.
  std::size_t tag_begin() const {
    std::size_t at = rest_.find('{');
    while (at != std::string_view::npos) {
      if (at + 1 < rest_.size() && contains("{%#", rest_.substr(at + 1, 1))) return at;
      at = rest_.find('{', at + 1);
    }
    return at;
  }

  bool read_tag(std::size_t begin) {
    const char kind = rest_[begin + 1];
    const std::string_view before = rest_.substr(0, begin);
    rest_.remove_prefix(begin + 2);
    const bool sign = !rest_.empty() && (rest_[0] == '-' || rest_[0] == '+');
    add_text(stripped(before, kind, sign ? rest_[0] : ' '));
    if (sign) rest_.remove_prefix(1);
    if (kind == '#') return skip_comment();
    return read_words(kind == '{' ? TemplatePiece::Kind::output : TemplatePiece::Kind::statement);
  }

  /// The text before a tag, less what the tag takes away.
  std::string_view stripped(std::string_view text, char kind, char sign) const {
    if (sign == '-') return python_rstrip(text);
    if (sign == '+' || kind == '{') return text;
    const std::size_t line = text.rfind('\n') + 1;  // 0 where there is none
    if (line == 0 && !at_line_begin_) return text;
    const bool blank = python_rstrip(text.substr(line)).empty();
    return blank ? text.substr(0, line) : text;
  }

  void add_text(std::string_view text) {
    if (!text.empty()) pieces_.push_back({TemplatePiece::Kind::text, std::string(text), {}});
  }

  /// What follows a tag's end: '-' takes all white space, else a block or comment takes its line end.
  void behind_tag(bool minus, bool takes_line_end) {
    const std::string_view before = rest_;
    if (minus) {
      rest_ = python_lstrip(rest_);
    } else if (takes_line_end && rest_.starts_with('\n')) {
      rest_.remove_prefix(1);
    }
    const std::size_t taken = before.size() - rest_.size();
    at_line_begin_ = taken > 0 && before[taken - 1] == '\n';
  }

  bool skip_comment() {
    const std::size_t end = rest_.find("#}");
    if (end == std::string_view::npos) return false;
    const char sign = end > 0 ? rest_[end - 1] : ' ';
    rest_.remove_prefix(end + 2);
    behind_tag(sign == '-', sign != '+');
    return true;
  }

  bool read_words(TemplatePiece::Kind kind) {
    TemplatePiece piece{kind, {}, {}};
    const std::string_view end = kind == TemplatePiece::Kind::output ? "}}" : "%}";
    brackets_ = 0;
    for (;;) {
      if (brackets_ == 0 && ends_tag(end)) break;
      rest_ = python_lstrip(rest_);
      if (brackets_ == 0 && ends_tag(end)) break;
      if (rest_.empty() || !read_word(piece.words)) return false;
    }
    const bool minus = rest_[0] == '-';
    const bool plus = rest_[0] == '+';
    rest_.remove_prefix(end.size() + (minus || plus ? 1 : 0));
    behind_tag(minus, kind == TemplatePiece::Kind::statement && !plus);
    if (piece.words.empty() || piece.words[0].value == "raw") return false;
    pieces_.push_back(std::move(piece));
    return true;
  }

  bool ends_tag(std::string_view end) const {
    if (rest_.starts_with(end)) return true;
    return (rest_.starts_with('-') || (end == "%}" && rest_.starts_with('+'))) && rest_.substr(1).starts_with(end);
  }

  bool read_word(std::vector<TemplateWord>& words) {
    const char first = rest_[0];
    if (first == '"' || first == '\'') return read_text(words);
    if (is_digit(first)) return read_run(words, TemplateWord::Kind::number);
    if (is_name_byte(first)) return read_run(words, TemplateWord::Kind::name);
    return read_sign(words);
  }

  /// A name or a whole number. Floats, 1_000 and 0x10 are left to others.
  bool read_run(std::vector<TemplateWord>& words, TemplateWord::Kind kind) {
    std::size_t length = 0;
    while (length < rest_.size() && is_name_byte(rest_[length])) ++length;
    const std::string_view run = rest_.substr(0, length);
    if (kind == TemplateWord::Kind::number) {
      if (!std::all_of(run.begin(), run.end(), is_digit)) return false;
      if (length + 1 < rest_.size() && rest_[length] == '.' && is_digit(rest_[length + 1])) return false;
    }
    words.push_back({kind, std::string(run)});
    rest_.remove_prefix(length);
    return true;
  }

  bool read_sign(std::vector<TemplateWord>& words) {
    static constexpr std::array<std::string_view, 6> kPairs = {"==", "!=", "<=", ">=", "//", "**"};
    const auto* const pair =
        std::find_if(kPairs.begin(), kPairs.end(), [&](std::string_view sign) { return rest_.starts_with(sign); });
    const std::string_view sign = pair != kPairs.end() ? *pair : rest_.substr(0, 1);
    if (pair == kPairs.end() && !contains("+-*/%|.,()[]{}=<>~:", sign)) return false;
    if (contains("([{", sign)) ++brackets_;
    if (contains(")]}", sign) && --brackets_ < 0) return false;
    words.push_back({TemplateWord::Kind::sign, std::string(sign)});
    rest_.remove_prefix(sign.size());
    return true;
  }

  bool read_text(std::vector<TemplateWord>& words) {
    const char quote = rest_[0];
    std::string text;
    std::size_t at = 1;
    while (at < rest_.size() && rest_[at] != quote) {
      if (rest_[at] != '\\') {
        text += rest_[at++];
      } else if (!read_escape(at, text)) {
        return false;
      }
    }
    if (at >= rest_.size()) return false;
    rest_.remove_prefix(at + 1);
    words.push_back({TemplateWord::Kind::text, std::move(text)});
    return true;
  }

  /// Python's unicode-escape, as far as templates use it.
  bool read_escape(std::size_t& at, std::string& text) const {
    static constexpr std::string_view kLetters = "nrt\\'\"", kMeanings = "\n\r\t\\'\"";
    if (at + 1 >= rest_.size()) return false;
    const char letter = rest_[at + 1];
    if (const std::size_t found = kLetters.find(letter); found != std::string_view::npos) {
      text += kMeanings[found];
      at += 2;
      return true;
    }
    const std::size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : 0;
    if (digits == 0 || at + 2 + digits > rest_.size()) return false;
    char32_t code = 0;
    for (const char digit : rest_.substr(at + 2, digits)) {
      if (hex_value(digit) < 0) return false;
      code = code * 16 + static_cast<char32_t>(hex_value(digit));
    }
    if (code >= 0xd800 && code <= 0xdfff) return false;
    append_code_point(code, text);
    at += 2 + digits;
    return true;
  }

  std::string source_;
  std::string_view rest_;      // what is not read yet
  bool at_line_begin_ = true;  // rest_ stands at the beginning of a line
  int brackets_ = 0;           // open in this tag
  std::vector<TemplatePiece> pieces_;
};

}  // namespace

std::optional<std::vector<TemplatePiece>> split_template(std::string_view source) {
  if (first_invalid_utf8(source)) return std::nullopt;
  return Splitter(normal_line_ends(source)).run();
}

}  // namespace gemring

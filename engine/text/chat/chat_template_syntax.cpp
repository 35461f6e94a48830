#include "engine/text/chat/chat_template_syntax.h"

#include <algorithm>
#include <array>
#include <span>

#include "engine/base/hash.h"
#include "engine/text/chat/chat_template_lexer.h"

namespace gemring {
namespace {

using Words = std::span<const TemplateWord>;
using WordKind = TemplateWord::Kind;

bool is_sign(const TemplateWord& word, std::string_view value) {
  return word.kind == WordKind::sign && word.value == value;
}

bool is_keyword(const TemplateWord& word) {
  static constexpr std::array<std::string_view, 8> kKeywords = {"and", "else", "elif", "if", "in", "is", "not", "or"};
  return word.kind == WordKind::name && std::find(kKeywords.begin(), kKeywords.end(), word.value) != kKeywords.end();
}

/// x['role'] as x.role, where x ends in a name or a bracket.
std::vector<TemplateWord> with_dots(Words words) {
  std::vector<TemplateWord> result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool subscript = i > 0 && i + 2 < words.size() && is_sign(words[i], "[") && is_sign(words[i + 2], "]") &&
                           words[i + 1].kind == WordKind::text &&
                           (words[i + 1].value == "role" || words[i + 1].value == "content");
    const bool behind_value =
        i > 0 && !is_keyword(words[i - 1]) &&
        (words[i - 1].kind == WordKind::name || is_sign(words[i - 1], "]") || is_sign(words[i - 1], ")"));
    if (!subscript || !behind_value) {
      result.push_back(words[i]);
      continue;
    }
    result.push_back({WordKind::sign, "."});
    result.push_back({WordKind::name, words[i + 1].value});
    i += 2;
  }
  return result;
}

std::string joined(Words words) {
  std::string text;
  for (const TemplateWord& word : words) {
    if (!text.empty()) text += ' ';
    if (word.kind != WordKind::text) {
      text += word.value;
      continue;
    }
    text += '"';
    for (const char byte : word.value) {
      if (byte == '"' || byte == '\\') text += '\\';
      text += byte;
    }
    text += '"';
  }
  return text;
}

/// The operands of a sum in which at least one is a text, so that all must be; else the expression as a whole.
std::vector<Words> operands(Words words) {
  std::vector<Words> parts;
  bool has_text = false;
  int brackets = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const TemplateWord& word = words[i];
    if (word.kind == WordKind::sign && (word.value == "(" || word.value == "[" || word.value == "{")) ++brackets;
    if (word.kind == WordKind::sign && (word.value == ")" || word.value == "]" || word.value == "}")) --brackets;
    if (brackets > 0) continue;
    const bool binds_weaker =
        is_keyword(word) || (word.kind == WordKind::sign && word.value != "+" && word.value != "." &&
                             word.value != "|" && word.value != ")" && word.value != "]");
    if (binds_weaker) return {words};
    if (!is_sign(word, "+")) continue;
    parts.push_back(words.subspan(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(words.subspan(begin));
  for (const Words part : parts) {
    if (part.empty()) return {words};
    has_text = has_text || (part.size() == 1 && part[0].kind == WordKind::text);
  }
  return has_text ? parts : std::vector<Words>{words};
}

class Items {
 public:
  void text(std::string_view value) {
    if (value.empty()) return;
    if (!items_.empty() && items_.back().kind == TemplateItem::Kind::text) {
      items_.back().value += value;
    } else {
      items_.push_back({TemplateItem::Kind::text, std::string(value)});
    }
  }

  void output(Words words) {
    for (const Words part : operands(words)) {
      if (part.size() == 1 && part[0].kind == WordKind::text) {
        text(part[0].value);
      } else {
        items_.push_back({TemplateItem::Kind::expression, joined(part)});
      }
    }
  }

  void statement(Words words) { items_.push_back({TemplateItem::Kind::statement, joined(words)}); }

  /// Without a beginning that gives add_generation_prompt a default.
  std::vector<TemplateItem> take() {
    static constexpr std::array<std::string_view, 3> kDefault = {"if not add_generation_prompt is defined",
                                                                 "set add_generation_prompt = false", "endif"};
    bool has_default = items_.size() >= kDefault.size();
    for (std::size_t i = 0; has_default && i < kDefault.size(); ++i) {
      has_default = items_[i].kind == TemplateItem::Kind::statement && items_[i].value == kDefault[i];
    }
    if (has_default) items_.erase(items_.begin(), items_.begin() + kDefault.size());
    return std::move(items_);
  }

 private:
  std::vector<TemplateItem> items_;
};

}  // namespace

std::optional<std::vector<TemplateItem>> canonical_template(std::string_view source) {
  const auto pieces = split_template(source);
  if (!pieces) return std::nullopt;
  Items items;
  for (const TemplatePiece& piece : *pieces) {
    switch (piece.kind) {
      case TemplatePiece::Kind::text:
        items.text(piece.text);
        break;
      case TemplatePiece::Kind::output:
        items.output(with_dots(piece.words));
        break;
      case TemplatePiece::Kind::statement:
        items.statement(with_dots(piece.words));
        break;
    }
  }
  return items.take();
}

std::uint64_t fingerprint(const std::vector<TemplateItem>& items) {
  std::uint64_t hash = kFnvStart;
  for (const TemplateItem& item : items) {
    const char kind = static_cast<char>(item.kind);
    hash = fnv1a(std::string_view("\0", 1), fnv1a(item.value, fnv1a(std::string_view(&kind, 1), hash)));
  }
  return hash;
}

}  // namespace gemring

// Jinja's words: how a template falls into text and tags, and a tag into words. Private to engine/text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

struct TemplateWord {
  enum class Kind { name, number, text, sign };
  Kind kind;
  std::string value;  // text: without quotes, escapes replaced
  bool operator==(const TemplateWord&) const = default;
};

struct TemplatePiece {
  enum class Kind { text, output, statement };  // output: {{ ... }}
  Kind kind;
  std::string text;                 // Kind::text: what is written after white space control
  std::vector<TemplateWord> words;  // the others
};

/// Nothing where the source is outside of the subset (see canonical_template). Comments and empty texts are left out.
std::optional<std::vector<TemplatePiece>> split_template(std::string_view source);

}  // namespace gemring

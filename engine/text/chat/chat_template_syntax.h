// A Jinja template in a canonical form, in which the spellings of one and the same template are equal. Nothing is
// executed: the form is only compared with those of templates that gemring knows. Private to engine/text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// One step of a template: text that is written, an expression whose value is written, or a statement ({% ... %}).
struct TemplateItem {
  enum class Kind : char { text = 't', expression = 'e', statement = 's' };
  Kind kind;
  std::string value;  // text: as it is written. Else the words, one space between two; texts in double quotes
  bool operator==(const TemplateItem&) const = default;
};

/// The items of `source` as transformers reads it (Jinja 3.1 with trim_blocks and lstrip_blocks; source: lexer.py).
/// Two templates with equal items render every conversation of texts alike; these differences do not count:
/// - comments, white space and line ends inside tags, and outside of them what Jinja takes away;
/// - the quotes of a text, and message['role'] for message.role (role and content, which no dict has as attributes);
/// - {{ 'a' + b }} for a{{ b }}: what is added to a text must be text;
/// - a beginning that sets add_generation_prompt where it is undefined: here it always is defined.
/// Nothing where the source is no template of the subset that is read (raw blocks, floats, unbalanced tags).
std::optional<std::vector<TemplateItem>> canonical_template(std::string_view source);

/// FNV-1a of the items.
std::uint64_t fingerprint(const std::vector<TemplateItem>& items);

}  // namespace gemring

// A tokenizer.json as it is parsed: its two long parts as plain lists, all else as a JSON document. Private to
// engine/text.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

struct TokenizerDocument {
  struct Entry {
    std::string text;
    std::int64_t id;
  };
  struct Merge {
    std::string left, right;
  };

  nlohmann::json root;  // without model.vocab and model.merges
  bool vocabulary_is_object = false;
  std::vector<Entry> vocabulary;  // in the file's order
  std::vector<Merge> merges;      // in the file's order; both forms, "a b" and ["a", "b"]
};

/// Throws ModelFileError naming `where`: no JSON, duplicate keys, wrong types in the long parts, more than can be
/// meant.
TokenizerDocument parse_tokenizer_document(std::string_view json, const std::string& where);

}  // namespace gemring

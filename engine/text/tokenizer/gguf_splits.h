// How byte-level vocabularies in GGUF files cut words: tokenizer.ggml.pre names it. Private to engine/text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/text/unicode/pre_tokenizer.h"

namespace gemring {

struct GgufSplit {
  std::vector<std::string_view> patterns;  // one after the other, each match a piece; ASCII, other letters as \x{...}
  bool nfc = false;                        // the model's own tokenizer normalises, llama.cpp does not
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

/// Names are those of llama.cpp (src/llama-vocab.cpp, 2025), patterns those of the models' own tokenizer files, which
/// llama.cpp approximates for some. Throws ConfigError with the list of known names; `where`: the file, for errors.
GgufSplit gguf_split(std::string_view name, const std::string& where);

/// All that are known.
std::vector<std::string_view> gguf_split_names();

std::vector<PreTokenizerStage> split_stages(const GgufSplit& split);

}  // namespace gemring

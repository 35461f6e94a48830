#include "engine/base/check.h"
#include "tests/fuzz/checks.h"
#include "tests/fuzz/entries.h"
#include "tests/fuzz/scratch.h"

namespace gemring::fuzz {

void read_tokenizer_json(std::string_view bytes) {
  static ScratchDirectory directory;
  const auto [json, text, config] = parts_of(bytes);
  directory.put("tokenizer.json", json);
  directory.put_or_remove("tokenizer_config.json", config);
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  GEMRING_CHECK(json.find('\0') == std::string_view::npos, "a zero byte was taken for the end");
  // Regular expressions may take the cube of the text's length and more.
  constexpr std::size_t kLongestText = 512;
  check_tokenizer(tokenizer, text.empty() ? "Hello  world, 12 \u00e9<s>\n" : text.substr(0, kLongestText));
}

}  // namespace gemring::fuzz

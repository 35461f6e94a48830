#include "engine/base/check.h"
#include "launch/prompts/json_lines.h"
#include "launch/prompts/prompt.h"
#include "tests/fuzz/entries.h"

namespace gemring::fuzz {

void read_token_ids(std::string_view bytes) {
  constexpr std::int32_t kVocabulary = 1000;
  if (bytes.starts_with('{')) {
    text_of_line(bytes);
    return;
  }
  for (const TokenId id : ids_of_json(std::string(bytes), "ids", kVocabulary)) {
    GEMRING_CHECK(id.value() >= 0 && id.value() < kVocabulary, "id {}", id.value());
  }
}

}  // namespace gemring::fuzz

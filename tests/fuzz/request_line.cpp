#include "launch/requests/request_line.h"

#include "engine/base/check.h"
#include "launch/prompts/prompt.h"
#include "tests/fuzz/entries.h"

namespace gemring::fuzz {

void read_request_line_entry(std::string_view bytes) {
  constexpr std::int32_t kVocabulary = 1000;
  RequestLine line;
  read_request_line(bytes, line);
  if (!line.prompt.ids) return;
  for (const TokenId id : parse_ids(*line.prompt.ids, "prompt_ids", kVocabulary)) {
    GEMRING_CHECK(id.value() >= 0 && id.value() < kVocabulary, "id {}", id.value());
  }
}

}  // namespace gemring::fuzz

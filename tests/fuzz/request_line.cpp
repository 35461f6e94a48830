#include "launch/requests/request_line.h"

#include "engine/base/check.h"
#include "tests/fuzz/entries.h"

namespace gemring::fuzz {

void read_request_line_entry(std::string_view bytes) {
  constexpr std::int32_t kVocabulary = 1000;
  RequestLine line;
  read_request_line(bytes, kVocabulary, line);
  for (const TokenId id : line.prompt_ids.value_or(std::vector<TokenId>())) {
    GEMRING_CHECK(id.value() >= 0 && id.value() < kVocabulary, "id {}", id.value());
  }
}

}  // namespace gemring::fuzz

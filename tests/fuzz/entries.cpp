#include "tests/fuzz/entries.h"

#include "engine/base/error.h"
#include "engine/base/log.h"

namespace gemring::fuzz {

std::span<const Entry> entries() {
  static constexpr Entry kEntries[] = {{"safetensors_header", read_safetensors_header},
                                       {"gguf", read_gguf},
                                       {"tokenizer_json", read_tokenizer_json},
                                       {"config_json", read_config_json},
                                       {"chat_messages", read_chat_messages},
                                       {"token_ids", read_token_ids},
                                       {"request_line", read_request_line_entry},
                                       {"api_request", read_api_request},
                                       {"index_file", read_index_file}};
  return kEntries;
}

void run(const Entry& entry, std::string_view bytes) {
  [[maybe_unused]] static const bool is_silent = [] {
    configure_log({LogLevel::off, LogLevel::off}, RankId(0), "fuzz");
    return true;
  }();
  try {
    entry.read(bytes);
  } catch (const Error&) {
  }
}

}  // namespace gemring::fuzz

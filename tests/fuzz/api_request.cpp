#include "launch/serve/api/api_request.h"

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "launch/requests/request_line.h"
#include "launch/serve/api/api_problem.h"
#include "tests/fuzz/entries.h"

namespace gemring::fuzz {

void read_api_request(std::string_view bytes) {
  if (bytes.empty()) return;
  try {
    const std::string_view body = bytes.substr(1);
    const ApiRequest request = bytes[0] == 'c'   ? chat_request(body)
                               : bytes[0] == 'r' ? responses_request(body)
                               : bytes[0] == 'm' ? messages_request(body)
                               : bytes[0] == 's' ? selection_request(body)
                                                 : completion_request(body);
    for (const std::string& text : request.lines) {
      RequestLine line;
      line.prompt.chat.on = request.is_chat();
      read_request_line(text, line);
      GEMRING_CHECK(!line.prompt.file && !line.prompt.ids_file && !line.prompt.chat.messages_file, "a file is named");
    }
  } catch (const ApiFailure& failure) {
    GEMRING_CHECK(failure.problem().status == 400, "status {}", failure.problem().status);
    throw UsageError({"request", failure.what(), ""});
  }
}

}  // namespace gemring::fuzz

// What clients of OpenAI's and Anthropic's interfaces ask for, as requests of gemring. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "launch/serve/api/api_kind.h"

namespace gemring {

/// The body of a request for an answer.
struct ApiRequest {
  /// A line of --requests for each answer (launch/requests/request_line.h): of a chat one, of completions one for each
  /// prompt. No field of it names a file.
  std::vector<std::string> lines;
  ApiKind kind = ApiKind::completion;
  bool stream = false;
  bool include_usage = false;    // a last piece with it (stream_options.include_usage)
  bool return_progress = false;  // pieces that say how far reading is, as llama-server's prompt_progress
  bool return_kept = false;      // gemring.return_kept: the spans that were kept, with their texts
  bool read_all = false;         // gemring.method "full": no filter
  bool gives_max_tokens = false;
  std::shared_ptr<const std::string> text;  // ApiKind::text: what is to be kept
  std::string text_id;                      // gemring.text_id: of a text that was kept; empty: none
  std::string model;                        // as the client calls it; empty: it does not

  bool is_chat() const { return kind != ApiKind::completion; }
};

/// All throw ApiFailure (400) that names the field: no JSON, a field of the wrong type, one that asks for what is not
/// there (tools, images, n above 1, response_format, logprobs, ...). Values of these that ask for nothing pass (empty
/// tools, n 1, text), and so do fields that nobody knows; of "gemring" they are errors.
ApiRequest chat_request(std::string_view body);
ApiRequest completion_request(std::string_view body);
ApiRequest responses_request(std::string_view body);
ApiRequest messages_request(std::string_view body);
/// Of POST /v1/messages/count_tokens.
ApiRequest messages_to_count(std::string_view body);
/// {"text", "stream"}: reads the text, so that what is asked of it next costs no more than a question.
ApiRequest text_to_keep(std::string_view body);
/// {"question", "keep", "keep_unit"}, of a text that put_text() puts in front.
ApiRequest selection_request(std::string_view body);

/// Puts a text that was kept in front of the first message of the user, as a part of its own. Throws ApiFailure: there
/// is none.
void put_text(ApiRequest& request, const std::string& text);

/// What a client calls the field of a request line: "max_tokens" for "max_new_tokens".
std::string api_name(const std::string& request_field);

}  // namespace gemring

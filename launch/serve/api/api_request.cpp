#include "launch/serve/api/api_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "launch/serve/api/api_problem.h"
#include "launch/serve/api/json_body.h"

namespace gemring {
namespace {

using nlohmann::json;

/// A client's name of a field, and that of a request line.
struct FieldName {
  const char* api;
  const char* line;
};

constexpr std::array kFields = {
    FieldName{"max_tokens", "max_new_tokens"},
    FieldName{"max_completion_tokens", "max_new_tokens"},
    FieldName{"temperature", "temperature"},
    FieldName{"top_p", "top_p"},
    FieldName{"top_k", "top_k"},
    FieldName{"min_p", "min_p"},
    FieldName{"seed", "seed"},
    FieldName{"stop", "stop"},
    FieldName{"presence_penalty", "presence_penalty"},
    FieldName{"frequency_penalty", "frequency_penalty"},
    FieldName{"repetition_penalty", "repeat_penalty"},
    FieldName{"repeat_penalty", "repeat_penalty"},
    FieldName{"repeat_last_n", "repeat_last_n"},
    FieldName{"ignore_eos", "ignore_eos"},
};

/// Those of "gemring" that request lines have too.
constexpr std::array kOwnFields = {"question", "keep", "keep_unit", "pool", "keep_first", "keep_last", "selection"};

/// What nobody can have here, unless it asks for nothing.
constexpr std::array kUnsupported = {"tools",          "functions", "logit_bias",      "logprobs",      "top_logprobs",
                                     "prompt_logprobs", "audio",    "stop_token_ids",  "suffix",        "echo",
                                     "chat_template",  "prediction", "guided_json",    "guided_regex",  "guided_choice",
                                     "guided_grammar", "grammar",   "json_schema",     "web_search_options"};

void check_unsupported(const json& body) {
  for (const char* const field : kUnsupported) {
    if (asks_for_something(find_value(body, field))) refuse_field(field, "is not supported");
  }
  for (const char* const field : {"n", "best_of"}) {
    const json* const value = find_value(body, field);
    if (value != nullptr && *value != 1) refuse_field(field, "one answer is what there is; leave it out, or give 1");
  }
  const json* const format = find_value(body, "response_format");
  if (format != nullptr && (!format->is_object() || format->value("type", json("text")) != "text")) {
    refuse_field("response_format", "answers are text; leave it out");
  }
  const json* const modalities = find_value(body, "modalities");
  if (modalities != nullptr && *modalities != json::array({"text"})) refuse_field("modalities", "answers are text");
  const json* const choice = find_value(body, "tool_choice");
  if (choice != nullptr && *choice != "none" && *choice != "auto") refuse_field("tool_choice", "there are no tools");
  const json* const kwargs = find_value(body, "chat_template_kwargs");
  if (kwargs == nullptr) return;
  for (const auto& [name, value] : kwargs->items()) {
    const bool is_as_ever = name == "enable_thinking" && value == true;
    if (!is_as_ever) refuse_field("chat_template_kwargs." + name, "the template is rendered as it stands; leave it out");
  }
}

void take_own_fields(const json& body, ApiRequest& request, json& line) {
  const json* const own = find_value(body, "gemring");
  if (own == nullptr) return;
  if (!own->is_object()) refuse_field("gemring", "is no object");
  for (const auto& [name, value] : own->items()) {
    const std::string full_name = "gemring." + name;
    if (name == "return_kept") {
      request.return_kept = truth_of(*own, "return_kept", full_name);
    } else if (name == "method") {
      const std::string method = text_of(*own, "method", full_name);
      if (!method.empty() && method != "full" && method != "gemfilter") {
        refuse_field(full_name, "is \"gemfilter\" or \"full\"");
      }
      request.read_all = method == "full";
    } else if (std::find(kOwnFields.begin(), kOwnFields.end(), name) != kOwnFields.end()) {
      if (!value.is_null()) line[name] = value;
    } else {
      refuse_field(full_name, fmt::format("is no field; fields are {}, method and return_kept", fmt::join(kOwnFields, ", ")));
    }
  }
}

/// All but the prompt.
json take_fields(const json& body, ApiRequest& request) {
  check_unsupported(body);
  request.model = text_of(body, "model", "model");
  request.stream = truth_of(body, "stream", "stream");
  request.return_progress = truth_of(body, "return_progress", "return_progress");
  if (const json* const options = find_value(body, "stream_options")) {
    if (!options->is_object()) refuse_field("stream_options", "is no object");
    request.include_usage = truth_of(*options, "include_usage", "stream_options.include_usage");
  }
  json line = json::object();
  for (const FieldName& field : kFields) {
    const json* const value = find_value(body, field.api);
    if (value == nullptr) continue;
    const bool is_all = *value == -1 && std::string(field.line) == "top_k";  // as others say it
    line[field.line] = is_all ? json(0) : *value;
  }
  request.gives_max_tokens = line.contains("max_new_tokens");
  take_own_fields(body, request, line);
  return line;
}

/// A text, or parts that are texts.
json content_of(const json& content, const std::string& name) {
  if (content.is_string()) return content;
  if (!content.is_array()) refuse_field(name, "is neither text nor an array of parts");
  json parts = json::array();
  for (std::size_t i = 0; i < content.size(); ++i) {
    const std::string part_name = fmt::format("{}[{}]", name, i);
    if (content[i].is_string()) {
      parts.push_back({{"type", "text"}, {"text", content[i]}});
      continue;
    }
    const json* const text = content[i].is_object() ? find_value(content[i], "text") : nullptr;
    if (text == nullptr || !text->is_string()) refuse_field(part_name, "is no text, and this model reads nothing else");
    parts.push_back({{"type", "text"}, {"text", *text}});
  }
  return parts;
}

json message_of(const json& message, const std::string& name) {
  if (!message.is_object()) refuse_field(name, "is no object");
  for (const char* const field : {"tool_calls", "function_call", "audio"}) {
    if (asks_for_something(find_value(message, field))) refuse_field(fmt::format("{}.{}", name, field), "is not supported");
  }
  std::string role = text_of(message, "role", name + ".role");
  if (role == "developer") role = "system";
  if (role != "system" && role != "user" && role != "assistant") {
    refuse_field(name + ".role", "is system, developer, user or assistant");
  }
  const json* const content = find_value(message, "content");
  json read = {{"role", role}, {"content", content == nullptr ? json("") : content_of(*content, name + ".content")}};
  if (content == nullptr && role != "assistant") refuse_field(name + ".content", "is not there");
  for (const char* const field : {"reasoning", "reasoning_content"}) {
    const std::string thought = text_of(message, field, fmt::format("{}.{}", name, field));
    if (!thought.empty()) read["reasoning_content"] = thought;
  }
  return read;
}

json prompts_of(const json& body) {
  const json* const prompt = find_value(body, "prompt");
  if (prompt == nullptr) refuse_field("prompt", "is not there");
  const bool is_one = prompt->is_string() || (prompt->is_array() && !prompt->empty() && prompt->front().is_number());
  if (is_one) return json::array({*prompt});
  if (!prompt->is_array() || prompt->empty()) refuse_field("prompt", "is neither text, token ids nor an array of these");
  return *prompt;
}

}  // namespace

ApiRequest chat_request(std::string_view text) {
  const json body = parse_body(text);
  ApiRequest request;
  request.is_chat = true;
  json line = take_fields(body, request);
  const json* const messages = find_value(body, "messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    refuse_field("messages", "is no array of messages, of which there must be one at least");
  }
  json read = json::array();
  for (std::size_t i = 0; i < messages->size(); ++i) {
    read.push_back(message_of((*messages)[i], fmt::format("messages[{}]", i)));
  }
  line["messages"] = std::move(read);
  request.lines.push_back(line.dump());
  return request;
}

ApiRequest completion_request(std::string_view text) {
  constexpr std::size_t kMostPrompts = 64;
  const json body = parse_body(text);
  ApiRequest request;
  const json line = take_fields(body, request);
  const json prompts = prompts_of(body);
  if (prompts.size() > kMostPrompts) refuse_field("prompt", fmt::format("has more than {} prompts", kMostPrompts));
  for (const json& prompt : prompts) {
    json one = line;
    one[prompt.is_string() ? "prompt" : "prompt_ids"] = prompt;
    request.lines.push_back(one.dump());
  }
  return request;
}

std::string api_name(const std::string& request_field) {
  for (const FieldName& field : kFields) {
    if (request_field == field.line) return field.api;
  }
  for (const char* const own : kOwnFields) {
    if (request_field == own) return fmt::format("gemring.{}", own);
  }
  return request_field == "prompt_ids" ? "prompt" : request_field;
}

}  // namespace gemring

#include "launch/serve/api/request_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

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
    FieldName{"max_output_tokens", "max_new_tokens"},
    FieldName{"temperature", "temperature"},
    FieldName{"top_p", "top_p"},
    FieldName{"top_k", "top_k"},
    FieldName{"min_p", "min_p"},
    FieldName{"seed", "seed"},
    FieldName{"stop", "stop"},
    FieldName{"stop_sequences", "stop"},
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
constexpr std::array kUnsupported = {"tools",
                                     "functions",
                                     "logit_bias",
                                     "logprobs",
                                     "top_logprobs",
                                     "prompt_logprobs",
                                     "audio",
                                     "stop_token_ids",
                                     "suffix",
                                     "echo",
                                     "chat_template",
                                     "prediction",
                                     "guided_json",
                                     "guided_regex",
                                     "guided_choice",
                                     "guided_grammar",
                                     "grammar",
                                     "json_schema",
                                     "web_search_options",
                                     "previous_response_id",
                                     "conversation",
                                     "mcp_servers",
                                     "container",
                                     "background"};

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
  const bool is_harmless =
      choice == nullptr || *choice == "none" || *choice == "auto" ||
      (choice->is_object() && (choice->value("type", json("")) == "auto" || choice->value("type", json("")) == "none"));
  if (!is_harmless) refuse_field("tool_choice", "there are no tools");
  const json* const text = find_value(body, "text");  // of Responses
  const json* const text_format = text != nullptr && text->is_object() ? find_value(*text, "format") : nullptr;
  if (text_format != nullptr && (!text_format->is_object() || text_format->value("type", json("text")) != "text")) {
    refuse_field("text.format", "answers are text; leave it out");
  }
  const json* const thinking = find_value(body, "thinking");  // of Messages
  if (thinking != nullptr && (!thinking->is_object() || thinking->value("type", json("")) != "disabled")) {
    refuse_field("thinking", "is not supported; leave it out, or give {\"type\": \"disabled\"}");
  }
  const json* const kwargs = find_value(body, "chat_template_kwargs");
  if (kwargs == nullptr) return;
  for (const auto& [name, value] : kwargs->items()) {
    const bool is_as_ever = name == "enable_thinking" && value == true;
    if (!is_as_ever)
      refuse_field("chat_template_kwargs." + name, "the template is rendered as it stands; leave it out");
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
    } else if (name == "text_id") {
      request.text_id = text_of(*own, "text_id", full_name);
    } else if (name == "method") {
      const std::string method = text_of(*own, "method", full_name);
      if (!method.empty() && method != "full" && method != "gemfilter") {
        refuse_field(full_name, "is \"gemfilter\" or \"full\"");
      }
      request.read_all = method == "full";
    } else if (std::find(kOwnFields.begin(), kOwnFields.end(), name) != kOwnFields.end()) {
      if (!value.is_null()) line[name] = value;
    } else {
      refuse_field(full_name, fmt::format("is no field; fields are {}, method, text_id and return_kept",
                                          fmt::join(kOwnFields, ", ")));
    }
  }
}

}  // namespace

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

#include "launch/serve/api/json_body.h"

#include <fmt/format.h>

#include "engine/weights/json_text.h"
#include "launch/serve/api/api_problem.h"

namespace gemring {

using nlohmann::json;

namespace {

[[noreturn]] void refuse_type(const std::string& name, const char* wanted) {
  throw ApiFailure({.message = fmt::format("{} is no {}", name, wanted), .param = name});
}

}  // namespace

json parse_body(std::string_view body) {
  try {
    json object = parse_json(body);
    if (object.is_object()) return object;
  } catch (const JsonTextError& error) {
    throw ApiFailure({.message = fmt::format("the body {}", error.what())});
  }
  throw ApiFailure({.message = "the body is no JSON object"});
}

const json* find_value(const json& object, const char* field) {
  const auto found = object.find(field);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool truth_of(const json& object, const char* field, const std::string& name) {
  const json* const value = find_value(object, field);
  if (value == nullptr) return false;
  if (!value->is_boolean()) refuse_type(name, "true or false");
  return value->get<bool>();
}

std::string text_of(const json& object, const char* field, const std::string& name) {
  const json* const value = find_value(object, field);
  if (value == nullptr) return {};
  if (!value->is_string()) refuse_type(name, "text");
  return value->get<std::string>();
}

bool asks_for_something(const json* value) {
  if (value == nullptr) return false;
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_number()) return value->get<double>() != 0;
  if (value->is_string()) return !value->get_ref<const std::string&>().empty();
  return !value->empty();
}

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace gemring

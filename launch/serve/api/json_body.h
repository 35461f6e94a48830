// Bodies of JSON, read and written; in those that are read null is as good as nothing.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gemring {

/// The object that a body holds. Throws ApiFailure (400).
nlohmann::json parse_body(std::string_view body);

/// The value of a field; nullptr where it is missing or null.
const nlohmann::json* find_value(const nlohmann::json& object, const char* field);

/// A field of that type, or what stands for it where there is none. `name` is what errors call it. Throw ApiFailure.
bool truth_of(const nlohmann::json& object, const char* field, const std::string& name);
std::string text_of(const nlohmann::json& object, const char* field, const std::string& name);

/// Anything but null, false, 0, "" and what is empty.
bool asks_for_something(const nlohmann::json* value);

/// As text on one line; what is no UTF-8 becomes U+FFFD.
std::string line_of(const nlohmann::json& value);

}  // namespace gemring

#include "engine/model/config_json.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace gemring {
namespace {

constexpr const char* kAdvice = "the file is damaged or another program's; download it again";

/// The value as a message shows it: never long, never broken UTF-8.
std::string shown(const nlohmann::json& value) {
  constexpr std::size_t kLongest = 60;
  const std::string text = value.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace

const nlohmann::json* JsonFields::find(const char* field) const {
  const auto place = object_.find(field);
  return place == object_.end() || place->is_null() ? nullptr : &*place;
}

void JsonFields::refuse(const char* field, const std::string& wanted) const {
  const nlohmann::json* value = find(field);
  throw ModelFileError(
      {file_, fmt::format("{} is {}; {}", field, value == nullptr ? "missing" : shown(*value), wanted), kAdvice});
}

std::int32_t JsonFields::positive(const char* field) const {
  const nlohmann::json* value = find(field);
  constexpr std::int64_t kLargest = std::numeric_limits<std::int32_t>::max();
  if (value == nullptr || !value->is_number_integer() ||
      (value->is_number_unsigned() && value->get<std::uint64_t>() > kLargest) || value->get<std::int64_t>() < 1) {
    refuse(field, "a whole number from 1 to 2147483647 is needed");
  }
  return value->get<std::int32_t>();
}

std::int32_t JsonFields::positive(const char* field, std::int32_t absent) const {
  return find(field) == nullptr ? absent : positive(field);
}

std::int32_t JsonFields::not_negative(const char* field, std::int32_t absent) const {
  const nlohmann::json* value = find(field);
  if (value == nullptr) return absent;
  return *value == 0 ? 0 : positive(field);
}

std::optional<std::vector<float>> JsonFields::positive_reals(const char* field) const {
  const nlohmann::json* list = find(field);
  if (list == nullptr) return std::nullopt;
  std::vector<float> values;
  for (const auto& value : *list) {
    if (!list->is_array() || !value.is_number() || !(value.get<float>() > 0) || !std::isfinite(value.get<float>())) {
      refuse(field, "a list of numbers above 0 is needed");
    }
    values.push_back(value.get<float>());
  }
  if (values.empty()) refuse(field, "a list of numbers above 0 is needed");
  return values;
}

std::optional<double> JsonFields::positive_real(const char* field) const {
  const nlohmann::json* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !(value->get<double>() > 0) || !std::isfinite(value->get<double>())) {
    refuse(field, "a number above 0 is needed");
  }
  return value->get<double>();
}

bool JsonFields::boolean(const char* field, bool absent) const {
  const nlohmann::json* value = find(field);
  if (value == nullptr) return absent;
  if (!value->is_boolean()) refuse(field, "true or false is needed");
  return value->get<bool>();
}

std::optional<std::string> JsonFields::text(const char* field) const {
  const nlohmann::json* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(field, "a string is needed");
  return value->get<std::string>();
}

std::optional<JsonFields> JsonFields::object(const char* field) const {
  const nlohmann::json* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) refuse(field, "an object is needed");
  return JsonFields(file_, *value);
}

}  // namespace gemring

// Private to this folder (it brings nlohmann/json.hpp). Typed reads of a config.json: a field is absent, or of the
// right kind and possible; anything else names itself.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"

namespace gemring {

/// An object of a JSON file. A field that is null counts as absent, as in transformers.
/// Not copied: json must live on. Every read throws ModelFileError naming file, field and value.
class JsonFields {
 public:
  JsonFields(std::string file, const nlohmann::json& object) : file_(std::move(file)), object_(object) {}

  /// nullptr where absent or null.
  const nlohmann::json* find(const char* field) const;

  std::int32_t positive(const char* field) const;  // required, 1 .. 2^31 - 1
  std::int32_t positive(const char* field, std::int32_t absent) const;
  std::int32_t not_negative(const char* field, std::int32_t absent) const;
  std::optional<double> positive_real(const char* field) const;
  std::optional<std::vector<float>> positive_reals(const char* field) const;
  bool boolean(const char* field, bool absent) const;
  std::optional<std::string> text(const char* field) const;
  std::optional<JsonFields> object(const char* field) const;

  const std::string& file() const { return file_; }
  const nlohmann::json& json() const { return object_; }

  /// "FILE: FIELD is VALUE, WANTED"
  [[noreturn]] void refuse(const char* field, const std::string& wanted) const;

 private:
  std::string file_;
  const nlohmann::json& object_;
};

}  // namespace gemring

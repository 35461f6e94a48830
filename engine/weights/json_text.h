// JSON that strangers wrote (files of a model, lines of requests, prompts of token ids), parsed within bounds.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace gemring {

/// Levels of arrays and objects that are accepted: nlohmann copies and prints values by recursion, and people's files
/// have 3 or 4.
inline constexpr int kDeepestJson = 64;

enum class DuplicateKeys { last_wins, refuse };  // last_wins is what Python's json does

/// What is wrong with a text, as a predicate: "is nested deeper than 64 levels", "is not valid JSON: ...". Whoever
/// catches it knows whose text it is.
class JsonTextError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Of a key that stands twice in one object.
class DuplicateKeyError : public JsonTextError {
 public:
  explicit DuplicateKeyError(const std::string& key) : JsonTextError("names " + key + " twice"), key_(key) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

/// How deep arrays and objects are nested, by the brackets outside of strings. Of broken JSON: at least as deep as a
/// parser follows it.
int json_depth(std::string_view text);

/// For texts that another parser reads, whose messages do not say so: throws JsonTextError where they are nested too
/// deep or are plainly no object, "is no JSON object".
void require_json_object(std::string_view text);

/// Throws JsonTextError: no JSON, nested too deep, a zero byte (nlohmann takes it for the end); DuplicateKeyError where
/// that is refused. Where text of several lines is no JSON its line is named, else the column alone: a text of one line
/// may be any line of its file.
nlohmann::json parse_json(std::string_view text, DuplicateKeys duplicates = DuplicateKeys::last_wins);

}  // namespace gemring

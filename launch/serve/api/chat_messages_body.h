// Messages of conversations in bodies of all interfaces, as request lines have them.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace gemring {

/// {"role", "content"} and, where there is one, "reasoning_content"; developer becomes system. `name` is what errors
/// call the message. Throws ApiFailure: another role, a content that is no text.
nlohmann::json message_of(const nlohmann::json& message, const std::string& name);

/// All of an array, of which there must be one at least.
nlohmann::json messages_of(const nlohmann::json* messages, const std::string& name);

/// A text, or parts that are texts ("text", "input_text" and "output_text"). Throws ApiFailure.
nlohmann::json content_of(const nlohmann::json& content, const std::string& name);

}  // namespace gemring

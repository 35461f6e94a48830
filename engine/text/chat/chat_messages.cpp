#include "engine/text/chat/chat_messages.h"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"

namespace gemring {
namespace {

/// Parse events of the one shape that is allowed; anything else ends the parse where it stands, before it is built.
class ConversationReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit ConversationReader(ContentParts parts) : takes_parts_(parts == ContentParts::joined) {}

  Conversation take() { return std::move(conversation_); }

  bool start_object(std::size_t /*elements*/) override {
    if (place_ == Place::outside) return enter(Place::top);
    if (place_ == Place::messages) {
      conversation_.messages.emplace_back();
      seen_ = {};
      return enter(Place::message);
    }
    if (place_ == Place::parts) {
      part_ = {};
      return enter(Place::part);
    }
    refuse_value("an object");
  }

  bool end_object() override {
    if (place_ == Place::part) return end_part();
    if (place_ == Place::message) {
      if (!seen_.role) refuse("has no \"role\"");
      if (!seen_.content) refuse("has no \"content\"");
      return enter(Place::messages);
    }
    if (!has_messages_) refuse("\"messages\" is missing");
    return enter(Place::outside);
  }

  bool start_array(std::size_t /*elements*/) override {
    if (place_ == Place::top && key_ == "messages") return enter(Place::messages);
    if (place_ == Place::message && key_ == "content" && takes_parts_) {
      has_part_ = false;
      return enter(Place::parts);
    }
    refuse_value("a list");
  }

  bool end_array() override { return enter(place_ == Place::parts ? Place::message : Place::top); }

  bool key(string_t& name) override {
    bool& seen = place_ == Place::top          ? top_seen(name)
                 : place_ == Place::part       ? part_seen(name)
                 : name == "role"              ? seen_.role
                 : name == "content"           ? seen_.content
                 : name == "reasoning_content" ? seen_.reasoning
                                               : unknown(name);
    if (seen) refuse(fmt::format("has the key \"{}\" twice", name));
    seen = true;
    key_ = name;
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::part) {
      (key_ == "type" ? part_.type : part_.text) = std::move(text);
      return true;
    }
    if (place_ != Place::message) refuse_value("text");
    ChatMessage& message = conversation_.messages.back();
    if (key_ == "reasoning_content") {
      message.reasoning = std::move(text);
    } else {
      (key_ == "role" ? message.role : message.content) = std::move(text);
    }
    return true;
  }

  bool boolean(bool value) override {
    if (place_ != Place::top || key_ != "add_generation_prompt") refuse_value(value ? "true" : "false");
    conversation_.add_generation_prompt = value;
    return true;
  }

  bool null() override {
    if (place_ == Place::message && key_ == "reasoning_content") return true;
    refuse_value("null");
  }

  bool number_integer(number_integer_t /*value*/) override { refuse_value("a number"); }
  bool number_unsigned(number_unsigned_t /*value*/) override { refuse_value("a number"); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { refuse_value("a number"); }
  bool binary(binary_t& /*value*/) override { refuse_value("binary data"); }

  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::json::exception& /*error*/) override {
    throw UsageError({"messages", fmt::format("is no valid JSON from byte {} on", position),
                      R"(write {"messages": [{"role": "user", "content": "..."}], "add_generation_prompt": true})"});
  }

 private:
  enum class Place { outside, top, messages, message, parts, part };
  struct Seen {
    bool role = false, content = false, reasoning = false;
  };
  struct Part {
    std::string type, text;
    bool has_type = false, has_text = false;
  };

  bool enter(Place place) {
    place_ = place;
    return true;
  }

  bool& top_seen(const std::string& name) {
    if (name == "messages") return has_messages_;
    if (name == "add_generation_prompt") return has_generation_prompt_;
    return unknown(name);
  }

  bool& part_seen(const std::string& name) {
    if (name == "type") return part_.has_type;
    if (name == "text") return part_.has_text;
    return unknown(name);
  }

  bool end_part() {
    if (!part_.has_type || !part_.has_text) refuse(R"(has a part of "content" without "type" or "text")");
    if (part_.type != "text") {
      refuse(fmt::format("has a part of type \"{}\", and gemring reads text", part_.type.substr(0, kShownBytes)));
    }
    ChatMessage& message = conversation_.messages.back();
    if (has_part_) {
      message.content += '\n';
      message.last_part = message.content.size();
    }
    message.content += part_.text;
    has_part_ = true;
    return enter(Place::parts);
  }

  bool& unknown(const std::string& name) {
    refuse(fmt::format("has the key \"{}\", which gemring does not take", name.substr(0, kShownBytes)));
  }

  std::string here() const {
    return place_ >= Place::message ? fmt::format("message {}", conversation_.messages.size()) : "messages";
  }

  [[noreturn]] void refuse(const std::string& problem) const {
    throw UsageError({here(), problem,
                      "a message has \"role\" and \"content\", both text, and may have \"reasoning_content\"; beside "
                      "\"messages\" there may be \"add_generation_prompt\""});
  }

  [[noreturn]] void refuse_value(const char* what) const {
    if (place_ == Place::outside) refuse(fmt::format("is {}, not an object", what));
    if (place_ == Place::messages) refuse(fmt::format("holds {}, not an object", what));
    if (place_ == Place::parts) refuse(fmt::format("has {} in the list \"content\", not an object", what));
    const char* const wanted = key_ == "messages"                ? "a list"
                               : key_ == "add_generation_prompt" ? "true or false"
                                                                 : "text";
    refuse(fmt::format("has {} as \"{}\", not {}", what, key_, wanted));
  }

  static constexpr std::size_t kShownBytes = 40;  // of a key nobody knows

  bool takes_parts_;
  Conversation conversation_;
  Place place_ = Place::outside;
  std::string key_;
  Seen seen_;
  Part part_;
  bool has_part_ = false;  // the content has one already
  bool has_messages_ = false, has_generation_prompt_ = false;
};

}  // namespace

Conversation parse_messages(std::string_view json, ContentParts parts) {
  ConversationReader reader(parts);
  // nlohmann takes a zero byte for the end of the text.
  if (const auto zero = json.find('\0'); zero != std::string_view::npos) {
    throw UsageError(
        {"messages", fmt::format("hold a zero byte at byte {}", zero), "write \\u0000 where one is meant"});
  }
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  return reader.take();
}

}  // namespace gemring

// Messages of proto/ as JSON with the proto's field names, default values printed.
#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace gemring {

std::string json_document(const google::protobuf::Message& message);  // indented, for people too
std::string short_json(const google::protobuf::Message& message);     // one line, without default values
std::string json_line(const google::protobuf::Message& message);      // one line with its end

}  // namespace gemring

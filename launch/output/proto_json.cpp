#include "launch/output/proto_json.h"

#include <google/protobuf/util/json_util.h>

#include "engine/base/check.h"

namespace gemring {
namespace {

/// Protobuf 26 has renamed the option.
template <typename Options>
void print_defaults(Options& options, bool defaults) {
  if constexpr (requires { options.always_print_fields_with_no_presence; })
    options.always_print_fields_with_no_presence = defaults;
  else
    options.always_print_primitive_fields = defaults;
}

std::string to_json(const google::protobuf::Message& message, bool indented, bool defaults) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  options.preserve_proto_field_names = true;
  print_defaults(options, defaults);
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  GEMRING_CHECK(status.ok(), "{}", std::string(status.message()));
  return json;
}

}  // namespace

std::string json_document(const google::protobuf::Message& message) {
  return to_json(message, true, true);
}

std::string short_json(const google::protobuf::Message& message) {
  return to_json(message, false, false);
}

std::string json_line(const google::protobuf::Message& message) {
  return to_json(message, false, true) + "\n";
}

}  // namespace gemring

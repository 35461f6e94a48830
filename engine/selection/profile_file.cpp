#include "engine/selection/profile_file.h"

#include <fmt/format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/selection/pooling.h"
#include "engine/weights/file.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/json_text.h"
#include "proto/profile.pb.h"

namespace gemring {
namespace {

constexpr const char* kProfileAdvice = R"(write {"filter_layer": LAYER}, or remove the file and give --filter-layer)";

[[noreturn]] void refuse_file(const std::string& place, const std::string& problem) {
  throw ConfigError({place, problem, kProfileAdvice});
}

std::vector<ScoringHead> heads_of(const proto::Profile& message, const std::string& place) {
  if (message.has_filter_layer()) {
    if (message.heads_size() > 0) refuse_file(place, "gives filter_layer and heads; the layer follows from the heads");
    if (message.filter_layer() < 0) {
      refuse_file(place, fmt::format("filter_layer is {}; layers count from 0", message.filter_layer()));
    }
    return gemfilter_profile(LayerIndex(message.filter_layer())).heads;
  }
  if (message.heads_size() == 0) refuse_file(place, "names neither filter_layer nor heads");
  std::vector<ScoringHead> heads;
  for (const proto::ScoringHead& each : message.heads()) {
    if (!each.has_layer()) refuse_file(place, fmt::format("head {} of its list has no layer", heads.size()));
    ScoringHead head{.layer = LayerIndex(each.layer()), .head = std::nullopt};
    if (each.has_head()) head.head = each.head();
    if (each.has_weight()) head.weight = each.weight();
    heads.push_back(head);
  }
  return heads;
}

constexpr std::array<std::pair<KeepUnit, proto::Profile::Unit>, 4> kUnits = {{
    {KeepUnit::tokens, proto::Profile::tokens},
    {KeepUnit::chunks, proto::Profile::chunks},
    {KeepUnit::lines, proto::Profile::lines},
    {KeepUnit::sentences, proto::Profile::sentences},
}};

KeepUnit unit_of(proto::Profile::Unit wanted, const std::string& place) {
  for (const auto& [unit, message] : kUnits) {
    if (message == wanted) return unit;
  }
  refuse_file(place, fmt::format("unit is {}, which is none", static_cast<int>(wanted)));
}

proto::Profile::Unit message_unit(KeepUnit wanted) {
  for (const auto& [unit, message] : kUnits) {
    if (unit == wanted) return message;
  }
  return proto::Profile::tokens;
}

proto::Profile message_of(const std::string& json, const std::string& place) {
  try {
    require_json_object(json);
  } catch (const JsonTextError& error) {
    refuse_file(place, fmt::format("is no profile: it {}", error.what()));
  }
  proto::Profile message;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &message);
  if (!status.ok()) refuse_file(place, fmt::format("is no profile: {}", std::string(status.message())));
  return message;
}

FilterProfile profile_of(const proto::Profile& message, const std::string& place) {
  FilterProfile profile;
  profile.heads = heads_of(message, place);
  if (message.normalisation() == proto::Profile::z_score) profile.normalisation = ScoreNormalisation::z_score;
  if (message.has_pool()) {
    if (message.pool() < 1 || message.pool() % 2 == 0 || message.pool() > kWidestPool) {
      refuse_file(place, fmt::format("pool is {}, not an odd width of 1 to {}", message.pool(), kWidestPool));
    }
    profile.pool_width = message.pool();
  }
  if (message.has_queries()) profile.queries = message.queries();
  profile.window = message.window();
  profile.sinks = message.sinks();
  profile.unit = unit_of(message.unit(), place);
  const int said = message.has_layers() + message.has_query_heads() + message.has_vocab();
  if (said != 0 && said != 3) refuse_file(place, "gives some of layers, query_heads and vocab; all three or none");
  if (said == 3) profile.shape = {message.layers(), message.query_heads(), message.vocab()};
  profile.fingerprint = message.fingerprint();
  profile.found = message.found();
  profile.below_target = message.below_target();
  return profile;
}

}  // namespace

FilterProfile parse_profile(const std::string& json, const std::string& place) {
  return profile_of(message_of(json, place), place);
}

std::string profile_json(const FilterProfile& profile) {
  proto::Profile message;
  for (const ScoringHead& each : profile.heads) {
    proto::ScoringHead& head = *message.add_heads();
    head.set_layer(each.layer.value());
    if (each.head) head.set_head(*each.head);
    if (each.weight != 1) head.set_weight(each.weight);
  }
  if (profile.normalisation == ScoreNormalisation::z_score) message.set_normalisation(proto::Profile::z_score);
  if (profile.queries != 1) message.set_queries(profile.queries);
  message.set_unit(message_unit(profile.unit));
  if (profile.pool_width) message.set_pool(*profile.pool_width);
  message.set_window(profile.window);
  message.set_sinks(profile.sinks);
  if (profile.shape) {
    message.set_layers(profile.shape->layers);
    message.set_query_heads(profile.shape->heads);
    message.set_vocab(profile.shape->vocab);
  }
  if (!profile.fingerprint.empty()) message.set_fingerprint(profile.fingerprint);
  if (!profile.found.empty()) message.set_found(profile.found);
  message.set_below_target(profile.below_target);
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) throw InternalError(fmt::format("a profile has no JSON: {}", std::string(status.message())));
  return json;
}

std::optional<ProfileFile> read_profile(const std::string& path) {
  const proto::Profile message = message_of(read_text_file(path), path);
  if (message.ByteSizeLong() == 0) return std::nullopt;
  return ProfileFile{path, profile_of(message, path)};
}

std::optional<ProfileFile> find_profile(const std::string& model) {
  std::vector<std::string> places;
  std::string directory = model;
  if (is_gguf_path(model)) {
    const std::filesystem::path path(model);
    places.push_back((path.parent_path() / (path.stem().string() + ".gemring.json")).string());
    directory = path.has_parent_path() ? path.parent_path().string() : ".";
  }
  places.push_back(path_in(directory, "gemring.json"));
  const auto found = std::find_if(places.begin(), places.end(), [](const auto& path) { return file_exists(path); });
  return found == places.end() ? std::nullopt : read_profile(*found);
}

}  // namespace gemring

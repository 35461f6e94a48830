#include "engine/model/rope_config.h"

#include <fmt/format.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

[[noreturn]] void refuse_feature(const JsonFields& config, const std::string& feature) {
  throw ConfigError(
      {config.file(), fmt::format("{} is not supported; known: default, llama3", feature), "use another checkpoint"});
}

double required(const JsonFields& fields, const char* name) {
  const auto value = fields.positive_real(name);
  if (!value) fields.refuse(name, "llama3 scaling needs it");
  return *value;
}

/// modeling_rope_utils.py, _compute_llama3_parameters.
void read_llama3(const JsonFields& config, const JsonFields& scaling, RopeConfig& rope) {
  rope.kind = RopeConfig::Kind::llama3;
  rope.factor = required(scaling, "factor");
  rope.low_frequency_factor = required(scaling, "low_freq_factor");
  rope.high_frequency_factor = required(scaling, "high_freq_factor");
  const char* original = "original_max_position_embeddings";
  rope.original_max_positions = required(scaling.find(original) != nullptr ? scaling : config, original);
  if (rope.factor < 1) scaling.refuse("factor", "1 or more is needed");
  if (rope.high_frequency_factor <= rope.low_frequency_factor) {
    scaling.refuse("high_freq_factor",
                   fmt::format("more than low_freq_factor, {}, is needed", rope.low_frequency_factor));
  }
}

/// Gemma-like configs give one set of parameters per kind of layer, under the kind's name.
void refuse_parameters_per_layer(const JsonFields& config, const JsonFields& scaling) {
  for (const auto& [name, value] : scaling.json().items()) {
    if (value.is_object()) refuse_feature(config, fmt::format("a rotary embedding of its own for {} layers", name));
  }
}

}  // namespace

RopeConfig read_rope(const JsonFields& config) {
  RopeConfig rope;
  const auto newer = config.object("rope_parameters");
  const auto scaling = newer ? newer : config.object("rope_scaling");
  // The newer object wins over the old field; the old object's copy of theta counts only where nothing else gives it.
  for (const JsonFields* place : {newer ? &*newer : nullptr, &config, scaling ? &*scaling : nullptr}) {
    if (place == nullptr || place->find("rope_theta") == nullptr) continue;
    rope.theta = *place->positive_real("rope_theta");
    break;
  }
  if (config.positive_real("partial_rotary_factor").value_or(1) != 1 ||
      (scaling && scaling->positive_real("partial_rotary_factor").value_or(1) != 1)) {
    refuse_feature(config, "a rotary embedding of a part of each head (partial_rotary_factor)");
  }
  if (config.boolean("rope_interleaved", false)) refuse_feature(config, "rope_interleaved");
  if (!scaling) return rope;

  refuse_parameters_per_layer(config, *scaling);
  const auto modern = scaling->text("rope_type");
  const std::string kind = modern ? *modern : scaling->text("type").value_or("default");
  if (kind == "llama3") {
    read_llama3(config, *scaling, rope);
  } else if (kind != "default") {
    refuse_feature(config, fmt::format("rope scaling of type {}", kind));
  }
  return rope;
}

}  // namespace gemring

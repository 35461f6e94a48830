#include "engine/model/rope_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"

namespace gemring {
namespace {

[[noreturn]] void refuse_rope(const JsonFields& config, const std::string& feature) {
  throw ConfigError({config.file(),
                     fmt::format("{} is not supported; known: default, linear, llama3, yarn, longrope", feature),
                     "use another checkpoint"});
}

constexpr const char* kOriginal = "original_max_position_embeddings";

double required(const JsonFields& fields, const char* name, const char* kind) {
  const auto value = fields.positive_real(name);
  if (!value) fields.refuse(name, fmt::format("{} scaling needs it", kind));
  return *value;
}

/// The scaling's own figure, else the config's.
std::optional<double> original_positions(const JsonFields& config, const JsonFields& scaling) {
  const auto own = scaling.positive_real(kOriginal);
  return own ? own : config.positive_real(kOriginal);
}

double required_factor(const JsonFields& scaling, const char* kind) {
  const double factor = required(scaling, "factor", kind);
  if (factor < 1) scaling.refuse("factor", "1 or more is needed");
  return factor;
}

/// _compute_linear_scaling_rope_parameters.
void read_linear(const JsonFields& config, const JsonFields& scaling, const ModelConfig& model, RopeConfig& rope) {
  rope.kind = RopeConfig::Kind::linear;
  rope.factor = required_factor(scaling, "linear");
  rope.original_max_positions = original_positions(config, scaling).value_or(model.max_positions);
}

/// _compute_llama3_parameters.
void read_llama3(const JsonFields& config, const JsonFields& scaling, RopeConfig& rope) {
  rope.kind = RopeConfig::Kind::llama3;
  rope.factor = required_factor(scaling, "llama3");
  rope.low_frequency_factor = required(scaling, "low_freq_factor", "llama3");
  rope.high_frequency_factor = required(scaling, "high_freq_factor", "llama3");
  rope.original_max_positions = required(scaling.find(kOriginal) != nullptr ? scaling : config, kOriginal, "llama3");
  if (rope.high_frequency_factor <= rope.low_frequency_factor) {
    scaling.refuse("high_freq_factor",
                   fmt::format("more than low_freq_factor, {}, is needed", rope.low_frequency_factor));
  }
}

/// _compute_yarn_parameters.
void read_yarn(const JsonFields& config, const JsonFields& scaling, const ModelConfig& model, RopeConfig& rope) {
  rope.kind = RopeConfig::Kind::yarn;
  rope.original_max_positions = original_positions(config, scaling).value_or(model.max_positions);
  rope.factor = scaling.find("factor") != nullptr ? required_factor(scaling, "yarn")
                                                  : model.max_positions / rope.original_max_positions;
  rope.beta_fast = scaling.positive_real("beta_fast").value_or(32);
  rope.beta_slow = scaling.positive_real("beta_slow").value_or(1);
  rope.truncate = scaling.boolean("truncate", true);
  const auto mscale = scaling.positive_real("mscale");
  const auto mscale_all = scaling.positive_real("mscale_all_dim");
  if (const auto stated = scaling.positive_real("attention_factor")) {
    rope.attention_factor = *stated;
  } else if (mscale && mscale_all) {
    rope.attention_factor =
        yarn_attention_factor(rope.factor, *mscale) / yarn_attention_factor(rope.factor, *mscale_all);
  } else {
    rope.attention_factor = yarn_attention_factor(rope.factor, 1);
  }
}

/// _compute_longrope_parameters: the divisors, chosen by a pass's length.
void read_longrope(const JsonFields& config, const JsonFields& scaling, const ModelConfig& model, RopeConfig& rope) {
  rope.kind = RopeConfig::Kind::divisors;
  const auto divisors = [&](const char* field) {
    auto values = scaling.positive_reals(field);
    const auto wanted = static_cast<std::size_t>(model.head_dim) / 2;
    if (!values || values->size() != wanted) {
      scaling.refuse(field, fmt::format("longrope scaling needs {} numbers, half of a head", wanted));
    }
    return std::move(*values);
  };
  rope.divisors = divisors("short_factor");
  rope.long_divisors = divisors("long_factor");
  const auto original = original_positions(config, scaling);
  rope.original_max_positions = original.value_or(model.max_positions);
  const double max_positions =
      original ? model.max_positions : model.max_positions * scaling.positive_real("factor").value_or(1);
  rope.attention_factor = scaling.positive_real("attention_factor")
                              .value_or(longrope_attention_factor(max_positions, rope.original_max_positions));
}

void read_scaling(const std::string& kind, const JsonFields& config, const JsonFields& scaling,
                  const ModelConfig& model, RopeConfig& rope) {
  if (kind == "default") return;
  if (kind == "linear") return read_linear(config, scaling, model, rope);
  if (kind == "llama3") return read_llama3(config, scaling, rope);
  if (kind == "yarn") return read_yarn(config, scaling, model, rope);
  if (kind == "longrope" || kind == "su") return read_longrope(config, scaling, model, rope);
  refuse_rope(config, fmt::format("rope scaling of type {}", kind));
}

/// Gemma-like configs give one set of parameters per kind of layer, under the kind's name.
void refuse_parameters_per_layer(const JsonFields& config, const JsonFields& scaling) {
  for (const auto& [name, value] : scaling.json().items()) {
    if (value.is_object()) refuse_rope(config, fmt::format("a rotary embedding of its own for {} layers", name));
  }
}

}  // namespace

RopeConfig read_rope(const JsonFields& config, const ModelConfig& model) {
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
    refuse_rope(config, "a rotary embedding of a part of each head (partial_rotary_factor)");
  }
  if (config.boolean("rope_interleaved", false)) refuse_rope(config, "rope_interleaved");
  if (!scaling) return rope;

  refuse_parameters_per_layer(config, *scaling);
  const auto modern = scaling->text("rope_type");
  const auto stated = modern ? modern : scaling->text("type");
  if (const auto factor = scaling->positive_real("factor"); !stated && factor && *factor != 1) {
    refuse_rope(config, fmt::format("a rope scaling by {} without a rope_type", *factor));
  }
  const std::string kind = stated.value_or("default");
  read_scaling(kind, config, *scaling, model, rope);
  return rope;
}

double longrope_attention_factor(double max_positions, double original_max_positions) {
  const double stretch = max_positions / original_max_positions;
  return stretch <= 1 ? 1.0 : std::sqrt(1 + std::log(stretch) / std::log(original_max_positions));
}

double yarn_attention_factor(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

std::int32_t stretched_positions(const RopeConfig& rope, std::int32_t stated) {
  if (rope.kind != RopeConfig::Kind::yarn && rope.kind != RopeConfig::Kind::linear) return stated;
  constexpr double kLargest = std::numeric_limits<std::int32_t>::max();
  return std::max(stated, static_cast<std::int32_t>(std::min(rope.factor * rope.original_max_positions, kLargest)));
}

}  // namespace gemring

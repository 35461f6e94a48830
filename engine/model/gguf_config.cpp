#include "engine/model/gguf_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/kernels/elementwise.h"
#include "engine/model/config_checks.h"
#include "engine/model/family.h"
#include "engine/model/rope_config.h"
#include "engine/model/tensors.h"
#include "engine/text/tokenizer/end_tokens.h"

namespace gemring {
namespace {

/// The keys of one architecture: "llama.block_count" for "block_count".
class Keys {
 public:
  Keys(const GgufMetadata& metadata, std::string architecture)
      : metadata_(metadata), architecture_(std::move(architecture)) {}

  std::string full(const char* key) const { return fmt::format("{}.{}", architecture_, key); }

  [[noreturn]] void refuse(const char* key, const std::string& problem) const {
    throw ModelFileError({metadata_.file(), fmt::format("{} {}", full(key), problem),
                          "the file is damaged or incomplete; download it again"});
  }

  std::optional<std::int32_t> positive_or_none(const char* key) const {
    if (metadata_.is_array(full(key))) return positive_of_all_layers(key);
    const auto value = metadata_.count(full(key));
    if (!value) return std::nullopt;
    if (*value > std::uint64_t{kLargestCount})
      refuse(key, fmt::format("is {}; 1 to {} is possible", *value, kLargestCount));
    return checked(key, static_cast<std::int64_t>(*value));
  }

  std::int32_t positive(const char* key) const {
    const auto value = positive_or_none(key);
    if (!value) refuse(key, "is missing");
    return *value;
  }

  std::optional<double> positive_real(const char* key) const {
    const auto value = metadata_.real(full(key));
    if (value && !(*value > 0)) refuse(key, fmt::format("is {}; a number above 0 is needed", *value));
    return value;
  }

  std::optional<double> number(const char* key) const { return metadata_.real(full(key)); }

  std::optional<std::string> text(const char* key) const {
    const auto value = metadata_.text(full(key));
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }

  const std::string& file() const { return metadata_.file(); }

 private:
  static constexpr std::int64_t kLargestCount = std::numeric_limits<std::int32_t>::max();

  std::int32_t checked(const char* key, std::int64_t value) const {
    if (value < 1 || value > kLargestCount)
      refuse(key, fmt::format("is {}; 1 to {} is possible", value, kLargestCount));
    return static_cast<std::int32_t>(value);
  }

  /// Some converters write a number per layer where all are the same.
  std::int32_t positive_of_all_layers(const char* key) const {
    const std::vector<std::int64_t> values = metadata_.integers(full(key)).value();
    const auto layers = metadata_.count(full("block_count"));
    if (values.empty() || (layers && *layers != values.size())) {
      refuse(key, fmt::format("has {} numbers for {} layers", values.size(), layers.value_or(0)));
    }
    if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end()) {
      throw ConfigError({metadata_.file(),
                         fmt::format("{} differs from layer to layer; that is not supported", full(key)),
                         "use a checkpoint of a supported family"});
    }
    return checked(key, values.front());
  }

  const GgufMetadata& metadata_;
  std::string architecture_;
};

[[noreturn]] void refuse_feature(const Keys& keys, const std::string& problem) {
  throw ConfigError({keys.file(), problem, "use a checkpoint of a supported family"});
}

const Family& read_architecture(const GgufMetadata& metadata) {
  const auto architecture = metadata.text("general.architecture");
  if (!architecture) {
    throw ModelFileError({metadata.file(), "general.architecture is missing", "this GGUF file holds no model"});
  }
  const Family* family = find_gguf_family(*architecture);
  if (family != nullptr) return *family;
  throw ConfigError(
      {metadata.file(),
       fmt::format("architecture {} is not supported; known: {}", *architecture, known_gguf_architectures()),
       "use a checkpoint of a supported family"});
}

void read_widths(const Keys& keys, const TensorSource& tensors, ModelConfig& model) {
  model.hidden = keys.positive("embedding_length");
  model.heads = keys.positive("attention.head_count");
  model.kv_heads = keys.positive_or_none("attention.head_count_kv").value_or(model.heads);
  model.ffn = keys.positive("feed_forward_length");
  model.max_positions = keys.positive("context_length");
  const auto stated_head_dim = keys.positive_or_none("attention.key_length");
  model.head_dim = stated_head_dim.value_or(model.hidden / model.heads);
  if (keys.positive_or_none("attention.value_length").value_or(model.head_dim) != model.head_dim) {
    refuse_feature(keys, "values of another width than keys (attention.value_length) are not supported");
  }
  if (keys.positive_or_none("rope.dimension_count").value_or(model.head_dim) != model.head_dim) {
    refuse_feature(keys, "a rotary embedding of a part of each head (rope.dimension_count) is not supported");
  }
  if (keys.positive_or_none("expert_count")) refuse_feature(keys, "mixtures of experts are not supported");
  const TensorInfo* embedding = tensors.find(tensor_name(TensorNaming::gguf, TensorRole::embedding, LayerIndex(0)));
  if (embedding == nullptr || embedding->shape.size() != 2 || embedding->shape[0] < 1 ||
      embedding->shape[0] > std::numeric_limits<std::int32_t>::max()) {
    throw ModelFileError({keys.file(), "tensor token_embd.weight is missing or no table of tokens",
                          "the file holds no model, or is damaged; download it again"});
  }
  model.vocab = static_cast<std::int32_t>(embedding->shape[0]);
  check_shape(model, keys.file(), !stated_head_dim);
}

/// Whether the file has it, of a layer in the first one.
bool has_tensor(const TensorSource& tensors, TensorRole role) {
  return tensors.find(tensor_name(TensorNaming::gguf, role, LayerIndex(0))) != nullptr;
}

/// All but the window. llama.cpp's files tell of biases by having them.
LayerShape read_layer_shape(const Family& family, const TensorSource& tensors) {
  LayerShape layer;
  layer.qkv_bias = family.qkv_bias || has_tensor(tensors, TensorRole::q_bias);
  layer.o_bias = has_tensor(tensors, TensorRole::o_bias);
  layer.mlp_bias = has_tensor(tensors, TensorRole::up_bias);
  layer.qk_norm = family.qk_norm;
  return layer;
}

std::vector<float> read_divisors(const TensorSource& tensors, const char* name, const ModelConfig& model) {
  const TensorInfo* info = tensors.find(name);
  if (info == nullptr) return {};
  const std::int64_t wanted = model.head_dim / 2;
  if (info->shape != std::vector<std::int64_t>{wanted}) {
    throw ModelFileError({tensors.location(name),
                          fmt::format("tensor {} does not have {} elements, half of a head", name, wanted),
                          "the file is damaged; download it again"});
  }
  std::vector<float> values(static_cast<std::size_t>(wanted));
  widen(info->type, tensors.load(*info)->bytes().data(), values.data(), values.size());
  if (!std::all_of(values.begin(), values.end(), [](float value) { return value > 0 && std::isfinite(value); })) {
    throw ModelFileError({tensors.location(name), fmt::format("tensor {} has a value that is not above 0", name),
                          "the file is damaged; download it again"});
  }
  return values;
}

/// rope_factors_short and _long, which only longrope has.
void read_longrope(const Keys& keys, const TensorSource& tensors, ModelConfig& model) {
  RopeConfig& rope = model.ropes.front();
  rope.kind = RopeConfig::Kind::divisors;
  rope.divisors = read_divisors(tensors, "rope_factors_short.weight", model);
  rope.long_divisors = read_divisors(tensors, "rope_factors_long.weight", model);
  if (rope.divisors.empty() || rope.long_divisors.empty()) {
    throw ModelFileError({keys.file(), "tensor rope_factors_short.weight or rope_factors_long.weight is missing",
                          "the file is incomplete; download it again"});
  }
  rope.original_max_positions =
      keys.positive_or_none("rope.scaling.original_context_length").value_or(model.max_positions);
  rope.attention_factor = keys.positive_real("rope.scaling.attn_factor")
                              .value_or(longrope_attention_factor(model.max_positions, rope.original_max_positions));
}

/// By how much positions are stretched, if at all. Older files call it rope.scale_linear.
std::optional<double> read_stretch(const Keys& keys, const std::string& type) {
  if (type == "none") return std::nullopt;
  auto factor = keys.positive_real("rope.scaling.factor");
  if (!factor) factor = keys.positive_real("rope.scale_linear");
  return factor && *factor != 1 ? factor : std::nullopt;
}

/// Figures that would change cosines and sines and are not computed with, for no or for this type of scaling.
void refuse_other_scalings(const Keys& keys, const std::string& type) {
  struct Figure {
    const char* key;
    double nothing;  // the value that changes nothing
  };
  std::vector<Figure> figures = {{"rope.scaling.yarn_log_multiplier", 0}, {"rope.scaling.yarn_attn_factor", 1}};
  if (type == "yarn") figures.push_back({"rope.scaling.yarn_ext_factor", 1});
  if (type != "yarn" && type != "longrope") figures.push_back({"rope.scaling.attn_factor", 1});
  for (const Figure& figure : figures) {
    const auto value = keys.number(figure.key);
    if (value && *value != figure.nothing) {
      refuse_feature(keys, fmt::format("{} of {} is not supported for rope scaling of type {}", keys.full(figure.key),
                                       *value, type));
    }
  }
}

void read_scaling(const Keys& keys, const std::string& type, double factor, ModelConfig& model) {
  RopeConfig& rope = model.ropes.front();
  rope.factor = factor;
  rope.original_max_positions =
      keys.positive_or_none("rope.scaling.original_context_length").value_or(model.max_positions);
  if (type == "linear") {
    rope.kind = RopeConfig::Kind::linear;
  } else if (type == "yarn") {
    rope.kind = RopeConfig::Kind::yarn;
    rope.beta_fast = keys.positive_real("rope.scaling.yarn_beta_fast").value_or(32);
    rope.beta_slow = keys.positive_real("rope.scaling.yarn_beta_slow").value_or(1);
    rope.attention_factor =
        keys.positive_real("rope.scaling.attn_factor").value_or(1) * yarn_attention_factor(rope.factor, 1);
  } else {
    refuse_feature(keys,
                   fmt::format("rope scaling of type {} is not supported; known: none, linear, yarn, longrope", type));
  }
}

void read_rope(const Keys& keys, const Family& family, const TensorSource& tensors, ModelConfig& model) {
  RopeConfig& rope = model.ropes.front();
  rope.theta = keys.positive_real("rope.freq_base").value_or(10000);
  // llama.cpp's converter permutes the rows of q and k of this architecture.
  if (family.gguf_architecture == "llama") rope.pairs = RopeConfig::Pairs::interleaved;
  const bool longrope = tensors.find("rope_factors_short.weight") != nullptr;
  // A factor without a type is llama.cpp's linear one.
  const std::string type = keys.text("rope.scaling.type").value_or(longrope ? "longrope" : "linear");
  const auto stretch = read_stretch(keys, type);
  refuse_other_scalings(keys, longrope ? "longrope" : type);
  if (longrope || type == "longrope") {
    if (stretch) refuse_feature(keys, "a factor of rope scaling beside longrope's is not supported");
    read_longrope(keys, tensors, model);
  } else if (tensors.find("rope_freqs.weight") != nullptr) {  // llama3 scaling, worked out by the converter
    rope.kind = RopeConfig::Kind::divisors;
    rope.divisors = read_divisors(tensors, "rope_freqs.weight", model);
    rope.original_max_positions = model.max_positions;
    if (stretch && type != "linear") {
      refuse_feature(keys, fmt::format("rope scaling of type {} beside rope_freqs.weight is not supported", type));
    }
    for (float& divisor : rope.divisors) divisor *= static_cast<float>(stretch.value_or(1));
  } else if (stretch) {
    read_scaling(keys, type, *stretch, model);
  }
}

void read_end_tokens(const GgufMetadata& metadata, ModelConfig& model) {
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto id = metadata.count(key)) add_end_token(*id, metadata.file(), model);
  }
  for (const TokenId id : gguf_end_tokens(metadata)) {
    add_end_token(static_cast<std::uint64_t>(id.value()), metadata.file(), model);
  }
}

}  // namespace

ModelConfig read_gguf_config(const GgufMetadata& metadata, const TensorSource& tensors) {
  const Family& family = read_architecture(metadata);
  const Keys keys(metadata, std::string(family.gguf_architecture));
  ModelConfig model;
  model.family = family.model_type;
  model.naming = TensorNaming::gguf;
  model.layers = layers_alike(keys.positive("block_count"), read_layer_shape(family, tensors), keys.file());
  model.fused_projections = family.fused;
  model.tied_embeddings = !has_tensor(tensors, TensorRole::output);
  read_widths(keys, tensors, model);
  model.norm_epsilon = static_cast<float>(keys.positive_real("attention.layer_norm_rms_epsilon").value_or(1e-6));
  read_rope(keys, family, tensors, model);
  const auto window = keys.positive_or_none("attention.sliding_window");
  if (window && *window < model.max_positions) {
    if (family.window == WindowRule::after_full_ones) {
      refuse_feature(keys, fmt::format("attention.sliding_window of {} is not supported for {}", *window,
                                       family.gguf_architecture));
    }
    for (LayerShape& layer : model.layers) layer.window = *window;
  }
  model.max_positions = stretched_positions(model.ropes.front(), model.max_positions);
  check_numbers(model, metadata.file());
  read_end_tokens(metadata, model);
  return model;
}

}  // namespace gemring

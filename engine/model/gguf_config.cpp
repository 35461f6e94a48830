#include "engine/model/gguf_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/kernels/elementwise.h"
#include "engine/model/config_checks.h"
#include "engine/model/family.h"
#include "engine/model/rope_config.h"
#include "engine/model/tensors.h"

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
    if (metadata_.is_array(full(key))) {
      throw ConfigError({metadata_.file(),
                         fmt::format("{} differs from layer to layer; that is not supported", full(key)),
                         "use a checkpoint of a supported family"});
    }
    const auto value = metadata_.count(full(key));
    if (!value) return std::nullopt;
    if (*value < 1 || *value > kLargestCount)
      refuse(key, fmt::format("is {}; 1 to {} is possible", *value, kLargestCount));
    return static_cast<std::int32_t>(*value);
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

  std::optional<std::string> text(const char* key) const {
    const auto value = metadata_.text(full(key));
    return value ? std::optional<std::string>(*value) : std::nullopt;
  }

  const std::string& file() const { return metadata_.file(); }

 private:
  static constexpr std::uint64_t kLargestCount = std::numeric_limits<std::int32_t>::max();
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

void read_shape(const Keys& keys, const TensorSource& tensors, ModelConfig& model) {
  model.layers = keys.positive("block_count");
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

/// What the files of llama.cpp leave to the tensors: biases, norms, tied embeddings.
void read_projections(const Family& family, const TensorSource& tensors, ModelConfig& model) {
  const auto has = [&](TensorRole role) {
    return tensors.find(tensor_name(TensorNaming::gguf, role, LayerIndex(0))) != nullptr;
  };
  model.fused_projections = family.fused;
  model.qkv_bias = family.qkv_bias || has(TensorRole::q_bias);
  model.o_bias = has(TensorRole::o_bias);
  model.mlp_bias = has(TensorRole::up_bias);
  model.qk_norm = family.qk_norm;
  model.tied_embeddings = !has(TensorRole::output);
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
  RopeConfig& rope = model.rope;
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

void read_scaling(const Keys& keys, const std::string& type, ModelConfig& model) {
  RopeConfig& rope = model.rope;
  const auto factor = keys.positive_real("rope.scaling.factor");
  if (type == "none" || !factor || *factor == 1) return;
  rope.factor = *factor;
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
  RopeConfig& rope = model.rope;
  rope.theta = keys.positive_real("rope.freq_base").value_or(10000);
  // llama.cpp's converter permutes the rows of q and k of this architecture.
  if (family.gguf_architecture == "llama") rope.pairs = RopeConfig::Pairs::interleaved;
  const std::string type = keys.text("rope.scaling.type").value_or("none");
  if (tensors.find("rope_factors_short.weight") != nullptr || type == "longrope") {
    read_longrope(keys, tensors, model);
  } else if (tensors.find("rope_freqs.weight") != nullptr) {  // llama3 scaling, worked out by the converter
    rope.kind = RopeConfig::Kind::divisors;
    rope.divisors = read_divisors(tensors, "rope_freqs.weight", model);
    rope.original_max_positions = model.max_positions;
  } else {
    // Older files give the linear factor alone.
    if (const auto scale = keys.positive_real("rope.scale_linear"); scale && *scale != 1) {
      rope.kind = RopeConfig::Kind::linear;
      rope.factor = *scale;
      rope.original_max_positions = model.max_positions;
    }
    read_scaling(keys, type, model);
  }
}

void read_end_tokens(const GgufMetadata& metadata, ModelConfig& model) {
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    if (const auto id = metadata.count(key)) add_end_token(*id, metadata.file(), model);
  }
}

}  // namespace

ModelConfig read_gguf_config(const GgufMetadata& metadata, const TensorSource& tensors) {
  const Family& family = read_architecture(metadata);
  const Keys keys(metadata, std::string(family.gguf_architecture));
  ModelConfig model;
  model.family = family.model_type;
  model.naming = TensorNaming::gguf;
  read_shape(keys, tensors, model);
  read_projections(family, tensors, model);
  model.norm_epsilon = static_cast<float>(keys.positive_real("attention.layer_norm_rms_epsilon").value_or(1e-6));
  read_rope(keys, family, tensors, model);
  const auto window = keys.positive_or_none("attention.sliding_window");
  if (window && *window < model.max_positions) {
    if (family.window == WindowRule::after_full_ones) {
      refuse_feature(keys, fmt::format("attention.sliding_window of {} is not supported for {}", *window,
                                       family.gguf_architecture));
    }
    model.windows.assign(static_cast<std::size_t>(model.layers), *window);
  }
  model.max_positions = stretched_positions(model.rope, model.max_positions);
  check_numbers(model, metadata.file());
  read_end_tokens(metadata, model);
  return model;
}

}  // namespace gemring

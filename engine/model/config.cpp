#include "engine/model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/model/config_json.h"
#include "engine/model/rope_config.h"
#include "engine/weights/file.h"
#include "engine/weights/json_file.h"

namespace gemring {
namespace {

constexpr std::int32_t kMaxLayers = 10'000;  // published models have up to a few hundred

[[noreturn]] void refuse_feature(const JsonFields& config, const std::string& problem) {
  throw ConfigError({config.file(), problem, "use a checkpoint of a supported family"});
}

void check_family(const JsonFields& config) {
  const auto family = config.text("model_type");
  if (!family) config.refuse("model_type", "the model's family is needed");
  if (*family != "llama") refuse_feature(config, fmt::format("family {} is not supported; known: llama", *family));

  const nlohmann::json* architectures = config.find("architectures");
  if (architectures == nullptr) return;
  if (!architectures->is_array()) config.refuse("architectures", "a list of names is needed");
  for (const auto& architecture : *architectures) {
    if (architecture == "LlamaForCausalLM" || architecture == "LLaMAForCausalLM")
      return;  // the second: early checkpoints
  }
  refuse_feature(config,
                 fmt::format("architecture {} is not supported; known: LlamaForCausalLM", architectures->dump()));
}

/// What the decoder would have to compute differently, by name.
void refuse_other_features(const JsonFields& config) {
  if (const auto act = config.text("hidden_act"); act && *act != "silu") {
    refuse_feature(config, fmt::format("hidden_act {} is not supported; known: silu", *act));
  }
  for (const char* bias : {"attention_bias", "mlp_bias"}) {
    if (config.boolean(bias, false)) refuse_feature(config, fmt::format("{} is not supported for family llama", bias));
  }
  if (config.find("sliding_window") != nullptr && config.boolean("use_sliding_window", true)) {
    refuse_feature(config, fmt::format("sliding_window of {} is not supported", config.find("sliding_window")->dump()));
  }
  if (const nlohmann::json* kinds = config.find("layer_types"); kinds != nullptr) {
    for (const auto& kind : *kinds) {
      if (kind != "full_attention")
        refuse_feature(config, fmt::format("layers of type {} are not supported", kind.dump()));
    }
  }
  if (config.find("quantization_config") != nullptr) {
    refuse_feature(config, "quantised safetensors (quantization_config) are not supported");
  }
}

void read_shape(const JsonFields& config, ModelConfig& model) {
  model.layers = config.positive("num_hidden_layers");
  if (model.layers > kMaxLayers) config.refuse("num_hidden_layers", fmt::format("at most {} are accepted", kMaxLayers));
  model.hidden = config.positive("hidden_size");
  model.heads = config.positive("num_attention_heads");
  model.kv_heads = config.positive("num_key_value_heads", model.heads);
  model.ffn = config.positive("intermediate_size");
  model.vocab = config.positive("vocab_size");
  model.max_positions = config.positive("max_position_embeddings");
  if (model.heads % model.kv_heads != 0) {
    config.refuse("num_key_value_heads", fmt::format("it must divide num_attention_heads, {}", model.heads));
  }
  if (config.find("head_dim") != nullptr) {
    model.head_dim = config.positive("head_dim");
  } else {
    if (model.hidden % model.heads != 0) {
      config.refuse("hidden_size",
                    fmt::format("without head_dim it must be a multiple of num_attention_heads, {}", model.heads));
    }
    model.head_dim = model.hidden / model.heads;
  }
  if (model.head_dim % 2 != 0) {
    config.refuse("head_dim",
                  fmt::format("heads are {} wide; the rotary embedding needs an even width", model.head_dim));
  }
  const std::int64_t query_width = std::int64_t{model.heads} * model.head_dim;
  if (query_width > std::numeric_limits<std::int32_t>::max()) {
    config.refuse("head_dim", fmt::format("times {} heads it is {}, beyond 2147483647", model.heads, query_width));
  }
}

DataType read_weight_type(const JsonFields& config) {
  const char* field = config.find("dtype") != nullptr ? "dtype" : "torch_dtype";
  std::string type = config.text(field).value_or("float32");
  if (type.starts_with("torch.")) type.erase(0, 6);
  if (type == "float32") return DataType::f32;
  if (type == "float16") return DataType::f16;
  if (type == "bfloat16") return DataType::bf16;
  refuse_feature(config, fmt::format("{} {} is not supported; known: float32, float16, bfloat16", field, type));
}

/// eos_token_id: a number, a list of numbers, or null.
void add_end_tokens(const JsonFields& fields, ModelConfig& model) {
  const nlohmann::json* ends = fields.find("eos_token_id");
  if (ends == nullptr) return;
  const nlohmann::json list = ends->is_array() ? *ends : nlohmann::json::array({*ends});
  for (const auto& end : list) {
    if (!end.is_number_unsigned()) fields.refuse("eos_token_id", "token ids are needed");
    const auto id = end.get<std::uint64_t>();
    if (id >= static_cast<std::uint64_t>(model.vocab)) {
      log_warn("{}: end token {} is beyond the vocabulary of {} and never comes", fields.file(), id, model.vocab);
      continue;
    }
    const TokenId token(id);
    auto& known = model.end_tokens;
    if (std::find(known.begin(), known.end(), token) == known.end()) known.push_back(token);
  }
}

}  // namespace

LayerIndex ModelConfig::rule_of_thumb_filter_layer() const {
  return LayerIndex(std::clamp(static_cast<std::int32_t>(std::lround(0.45 * layers)), 0, std::max(0, layers - 1)));
}

ModelConfig load_model_config_file(const std::string& config_json) {
  const nlohmann::json parsed = read_json_object(config_json);
  const JsonFields config(config_json, parsed);
  check_family(config);
  refuse_other_features(config);
  ModelConfig model;
  model.family = *config.text("model_type");
  read_shape(config, model);
  model.norm_epsilon = static_cast<float>(config.positive_real("rms_norm_eps").value_or(1e-6));
  model.tied_embeddings = config.boolean("tie_word_embeddings", false);
  model.weight_type = read_weight_type(config);
  model.rope = read_rope(config);
  add_end_tokens(config, model);
  return model;
}

ModelConfig load_model_config(const std::string& model_directory) {
  require_model_directory(model_directory);
  ModelConfig model = load_model_config_file(path_in(model_directory, "config.json"));
  const std::string generation = path_in(model_directory, "generation_config.json");
  if (file_exists(generation)) {
    const nlohmann::json parsed = read_json_object(generation);
    add_end_tokens(JsonFields(generation, parsed), model);
  }
  return model;
}

}  // namespace gemring

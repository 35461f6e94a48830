#include "engine/model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/base/error.h"
#include "engine/model/config_checks.h"
#include "engine/model/config_json.h"
#include "engine/model/family.h"
#include "engine/model/rope_config.h"
#include "engine/text/tokenizer/end_tokens.h"
#include "engine/weights/file.h"
#include "engine/weights/json_file.h"
#include "engine/weights/model_directory.h"

namespace gemring {
namespace {

[[noreturn]] void refuse_feature(const JsonFields& config, const std::string& problem) {
  throw ConfigError({config.file(), problem, "use a checkpoint of a supported family"});
}

const Family& read_family(const JsonFields& config) {
  const auto name = config.text("model_type");
  if (!name) config.refuse("model_type", "the model's family is needed");
  const Family* family = find_family(*name);
  if (family == nullptr) {
    refuse_feature(config, fmt::format("family {} is not supported; known: {}", *name, known_families()));
  }
  const nlohmann::json* architectures = config.find("architectures");
  if (architectures == nullptr) return *family;
  if (!architectures->is_array()) config.refuse("architectures", "a list of names is needed");
  for (const auto& entry : *architectures) {
    const std::string architecture = entry.is_string() ? entry.get<std::string>() : "";
    if (architecture == family->architecture) return *family;
    if (family->model_type == "llama" && architecture == "LLaMAForCausalLM") return *family;  // early checkpoints
  }
  refuse_feature(config, fmt::format("architecture {} is not supported; known for {}: {}", architectures->dump(),
                                     family->model_type, family->architecture));
}

/// What the decoder would have to compute differently, by name.
void refuse_other_features(const JsonFields& config) {
  if (config.find("quantization_config") != nullptr) {
    refuse_feature(config, "quantised safetensors (quantization_config) are not supported");
  }
}

Activation read_activation(const JsonFields& config) {
  const std::string name = config.text("hidden_act").value_or("silu");
  if (name != "silu") refuse_feature(config, fmt::format("hidden_act {} is not supported; known: silu", name));
  return Activation::silu;
}

/// All but the window, which may differ from layer to layer.
LayerShape read_layer_shape(const JsonFields& config, const Family& family) {
  LayerShape layer;
  const bool biases = config.boolean("attention_bias", false);  // of q, k, v and o, in every family that has the field
  layer.activation = read_activation(config);
  layer.qk_norm = family.qk_norm;
  layer.qkv_bias = family.qkv_bias || biases;
  layer.o_bias = biases;
  layer.mlp_bias = config.boolean("mlp_bias", false);
  if (family.fused && (biases || layer.mlp_bias)) {
    refuse_feature(config, fmt::format("biases are not supported for family {}", family.model_type));
  }
  return layer;
}

/// One entry per layer: does it look back at a window only?
std::vector<bool> windowed_layers(const JsonFields& config, const Family& family, std::size_t layers) {
  std::vector<bool> windowed(layers, family.window == WindowRule::stated);
  if (const nlohmann::json* kinds = config.find("layer_types"); kinds != nullptr) {
    if (!kinds->is_array() || kinds->size() != windowed.size()) {
      config.refuse("layer_types", fmt::format("a list of {} kinds of layers is needed", layers));
    }
    for (std::size_t layer = 0; layer < windowed.size(); ++layer) {
      const nlohmann::json& entry = (*kinds)[layer];
      const std::string kind = entry.is_string() ? entry.get<std::string>() : "";
      if (kind != "full_attention" && kind != "sliding_attention") {
        refuse_feature(config, fmt::format("layers of type {} are not supported", entry.dump()));
      }
      windowed[layer] = kind == "sliding_attention";
    }
  } else if (family.window == WindowRule::after_full_ones && config.boolean("use_sliding_window", false)) {
    const auto first = static_cast<std::size_t>(config.not_negative("max_window_layers", 28));  // transformers' default
    for (std::size_t layer = first; layer < windowed.size(); ++layer) windowed[layer] = true;
  }
  return windowed;
}

void read_windows(const JsonFields& config, const Family& family, ModelConfig& model) {
  const std::vector<bool> windowed = windowed_layers(config, family, model.layers.size());
  const bool any = std::find(windowed.begin(), windowed.end(), true) != windowed.end();
  if (config.find("sliding_window") == nullptr) {
    if (any && config.find("layer_types") != nullptr) config.refuse("sliding_window", "layer_types needs it");
    return;
  }
  const std::int32_t window = config.positive("sliding_window");
  if (family.window == WindowRule::none) {
    refuse_feature(config, fmt::format("sliding_window of {} is not supported for {}", window, family.model_type));
  }
  if (!any || window >= model.max_positions) return;
  for (std::size_t layer = 0; layer < windowed.size(); ++layer) {
    if (windowed[layer]) model.layers[layer].window = window;
  }
}

void read_widths(const JsonFields& config, ModelConfig& model) {
  model.hidden = config.positive("hidden_size");
  model.heads = config.positive("num_attention_heads");
  model.kv_heads = config.positive("num_key_value_heads", model.heads);
  model.ffn = config.positive("intermediate_size");
  model.vocab = config.positive("vocab_size");
  model.max_positions = config.positive("max_position_embeddings");
  const bool stated_head_dim = config.find("head_dim") != nullptr;
  model.head_dim = stated_head_dim ? config.positive("head_dim") : model.hidden / model.heads;
  check_shape(model, config.file(), !stated_head_dim);
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
    add_end_token(end.get<std::uint64_t>(), fields.file(), model);
  }
}

}  // namespace

LayerIndex ModelConfig::rule_of_thumb_filter_layer() const {
  return LayerIndex(
      std::clamp(static_cast<std::int32_t>(std::lround(0.6 * layer_count())), 0, std::max(0, layer_count() - 1)));
}

ModelConfig load_model_config_file(const std::string& config_json) {
  const nlohmann::json parsed = read_json_object(config_json);
  const JsonFields config(config_json, parsed);
  const Family& family = read_family(config);
  refuse_other_features(config);
  ModelConfig model;
  model.family = family.model_type;
  model.layers = layers_alike(config.positive("num_hidden_layers"), read_layer_shape(config, family), config_json);
  model.fused_projections = family.fused;
  read_widths(config, model);
  model.norm_epsilon = static_cast<float>(config.positive_real("rms_norm_eps").value_or(1e-6));
  model.tied_embeddings = config.boolean("tie_word_embeddings", false);
  model.weight_type = read_weight_type(config);
  model.ropes = {read_rope(config, model)};
  model.max_positions = stretched_positions(model.ropes.front(), model.max_positions);
  check_numbers(model, config_json);
  read_windows(config, family, model);
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
  for (const TokenId id : directory_end_tokens(model_directory)) {
    add_end_token(static_cast<std::uint64_t>(id.value()), path_in(model_directory, "tokenizer.json"), model);
  }
  return model;
}

}  // namespace gemring

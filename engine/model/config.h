// What config.json says of a decoder, checked and with its defaults resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "engine/tensor/data_type.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

/// Rotary position embedding. Half-split pairs (i, i + head_dim/2), as in all Hugging Face checkpoints.
struct RopeConfig {
  enum class Kind { plain, llama3 };
  Kind kind = Kind::plain;
  double theta = 10000.0;
  // llama3 scaling (transformers modeling_rope_utils.py, _compute_llama3_parameters)
  double factor = 1.0;
  double low_frequency_factor = 1.0;
  double high_frequency_factor = 4.0;
  double original_max_positions = 8192;

  bool operator==(const RopeConfig&) const = default;
};

struct ModelConfig {
  std::string family;  // config.json's model_type
  std::int32_t layers = 0;
  std::int32_t hidden = 0;
  std::int32_t heads = 0;     // query heads
  std::int32_t kv_heads = 0;  // divides heads
  std::int32_t head_dim = 0;  // config.json's; hidden / heads only where it gives none
  std::int32_t ffn = 0;       // intermediate_size
  std::int32_t vocab = 0;
  std::int32_t max_positions = 0;
  float norm_epsilon = 1e-6f;
  bool tied_embeddings = false;          // the output matrix is the embedding table
  DataType weight_type = DataType::f32;  // torch_dtype / dtype; files may differ per tensor
  RopeConfig rope;
  std::vector<TokenId> end_tokens;  // eos of config.json and generation_config.json, without repeats

  std::int32_t query_width() const { return heads * head_dim; }
  std::int32_t kv_width() const { return kv_heads * head_dim; }

  bool operator==(const ModelConfig&) const = default;

  /// Round(0.45 x layers), at most the last layer: the filter layer where nothing else names one.
  LayerIndex rule_of_thumb_filter_layer() const;
};

/// Reads config.json and generation_config.json of a model directory. Throws ModelFileError (missing or malformed file,
/// impossible figures) and ConfigError (a family or a feature that is not supported, by name).
ModelConfig load_model_config(const std::string& model_directory);

/// The same from one file, for --random-weights.
ModelConfig load_model_config_file(const std::string& config_json);

/// The filter layer of the directory's gemring.json (profile.proto); nothing where there is no such file, or it names
/// none. Not compared with the model's layers. Throws ConfigError (bad JSON, a field that profile.proto does not have).
std::optional<LayerIndex> load_profile_filter_layer(const std::string& model_directory);

/// Names and shapes of every tensor a checkpoint of this config has, in the given type and in the order of the data's
/// way (embedding, layers, norm, output): for --random-weights and for counting bytes.
std::vector<TensorInfo> expected_tensors(const ModelConfig& config, DataType type);

}  // namespace gemring

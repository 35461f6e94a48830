// What a model's files say of a decoder, checked and with its defaults resolved.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/types.h"
#include "engine/model/layer_shape.h"
#include "engine/tensor/data_type.h"

namespace gemring {

/// Rotary position embedding (RoFormer, arXiv 2104.09864) and its scalings (transformers, modeling_rope_utils.py).
struct RopeConfig {
  enum class Kind {
    plain,
    linear,    // every frequency divided by `factor`
    llama3,    // long wavelengths divided by `factor`, short ones kept, those between blended
    yarn,      // the same with a ramp over the dimensions (arXiv 2309.00071)
    divisors,  // frequency i divided by divisors[i]: longrope's two lists, GGUF's rope_freqs
  };
  enum class Pairs {
    half_split,   // (i, i + head_dim / 2), as in all Hugging Face checkpoints
    interleaved,  // (2 i, 2 i + 1): GGUF files of architecture llama, whose rows of q and k are permuted so
  };
  Kind kind = Kind::plain;
  Pairs pairs = Pairs::half_split;
  double theta = 10000.0;
  double factor = 1.0;
  double low_frequency_factor = 1.0;  // llama3
  double high_frequency_factor = 4.0;
  double original_max_positions = 8192;  // llama3, yarn, divisors: of the model before it was stretched
  double beta_fast = 32;                 // yarn: rotations over the original positions where the ramp begins and ends
  double beta_slow = 1;
  bool truncate = true;              // yarn: the ramp's borders are whole dimensions
  std::vector<float> divisors;       // [head_dim / 2], of passes of at most original_max_positions
  std::vector<float> long_divisors;  // of longer passes; empty: the same
  double attention_factor = 1.0;     // cosines and sines are multiplied by it (yarn, longrope)

  bool operator==(const RopeConfig&) const = default;
};

/// Which names tensors have in the model's files.
enum class TensorNaming { hugging_face, gguf };

struct ModelConfig {
  std::string family;              // config.json's model_type, GGUF's general.architecture
  std::vector<LayerShape> layers;  // what each computes; the widths are those of every layer
  std::int32_t hidden = 0;
  std::int32_t heads = 0;     // query heads
  std::int32_t kv_heads = 0;  // divides heads
  std::int32_t head_dim = 0;  // config.json's; hidden / heads only where it gives none
  std::int32_t ffn = 0;       // intermediate_size
  std::int32_t vocab = 0;
  std::int32_t max_positions = 0;  // what the model was made for, its RoPE scaling included
  float norm_epsilon = 1e-6f;
  bool tied_embeddings = false;          // the output matrix is the embedding table
  bool fused_projections = false;        // q, k, v rows in one tensor, and gate, up
  DataType weight_type = DataType::f32;  // torch_dtype / dtype; files may differ per tensor
  TensorNaming naming = TensorNaming::hugging_face;
  std::vector<RopeConfig> ropes = std::vector<RopeConfig>(1);  // one or more; LayerShape::rope chooses
  // without repeats: the eos of the files, and what their tokenizer names so (end_tokens.h)
  std::vector<TokenId> end_tokens;

  std::int32_t layer_count() const { return static_cast<std::int32_t>(layers.size()); }
  const LayerShape& layer(LayerIndex index) const { return layers.at(index.index()); }
  std::int32_t query_width() const { return heads * head_dim; }
  std::int32_t kv_width() const { return kv_heads * head_dim; }

  bool operator==(const ModelConfig&) const = default;

  /// Round(0.6 x layers), at most the last layer: the filter layer where nothing else names one. Published layers lie
  /// at 0.36 to 0.68; a later one costs time, an earlier one the answer.
  LayerIndex rule_of_thumb_filter_layer() const;
};

/// Reads config.json and generation_config.json of a model directory. Fields in the old and the new spelling
/// (rope_scaling, rope_parameters; torch_dtype, dtype). Throws ModelFileError (missing or malformed file, impossible
/// figures) and ConfigError (a family or a feature that is not supported, by name).
ModelConfig load_model_config(const std::string& model_directory);

/// The same from one file, for --random-weights.
ModelConfig load_model_config_file(const std::string& config_json);

/// One line of the figures that decide what a model computes; equal for equal models.
std::string describe(const ModelConfig& config);
std::string describe(const RopeConfig& rope);
std::string describe(const std::vector<RopeConfig>& ropes);

}  // namespace gemring

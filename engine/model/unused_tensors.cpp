#include "engine/model/unused_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/model/tensors.h"

namespace gemring {
namespace {

// Buffers that old versions of transformers and llama.cpp stored, and copies of what the metadata says.
constexpr std::array<std::string_view, 9> kHarmless = {
    "rotary_emb.inv_freq",     "rotary_emb.cos_cached", "rotary_emb.sin_cached", "attn.masked_bias",
    "attn_rot_embd",           "rope_freqs.weight",     "attn_rot_embd.weight",  "rope_factors_short.weight",
    "rope_factors_long.weight"};

// Scales of a cache or of activations in 8 bits, which other programs use.
constexpr std::array<std::string_view, 6> kScalesOfOthers = {"k_scale",  "v_scale",    "q_scale",
                                                             "kv_scale", "prob_scale", "prob_output_scale"};

// What begins so belongs to the decoder of text; all else of a file to something beside it.
constexpr std::array<std::string_view, 7> kDecoder = {"position_", "model.", "lm_head.", "transformer.",
                                                      "blk.",      "output", "token_"};
constexpr std::array<std::string_view, 5> kBesideDecoder = {"model.visual.", "model.vision", "model.audio",
                                                            "model.mtp.", "model.multi_modal"};

// DeepSeek's and GLM's names for what only layers of next-token prediction have; GGUF's.
constexpr std::array<std::string_view, 6> kNextToken = {".eh_proj.",     ".enorm.", ".hnorm.",
                                                        ".shared_head.", ".nextn.", ".shared_head_"};

bool ends_with_any(std::string_view name, const auto& endings) {
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) { return name.ends_with(ending); });
}

bool begins_with_any(std::string_view name, const auto& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](std::string_view beginning) { return name.starts_with(beginning); });
}

bool is_adapter(std::string_view name) {
  return name.find("lora_") != std::string_view::npos || name.ends_with(".lora_a") || name.ends_with(".lora_b") ||
         name.starts_with("base_model.") || name.find("modules_to_save") != std::string_view::npos;
}

/// The number of the layer that a tensor belongs to.
std::optional<std::int64_t> layer_of(std::string_view name, TensorNaming naming) {
  const std::string_view before = naming == TensorNaming::gguf ? "blk." : "model.layers.";
  if (!name.starts_with(before)) return std::nullopt;
  name.remove_prefix(before.size());
  std::int64_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  const bool whole = error == std::errc() && end < name.data() + name.size() && *end == '.';
  return whole ? std::optional(layer) : std::nullopt;
}

bool brings_next_token_layers(const TensorSource& source) {
  return std::any_of(source.tensors().begin(), source.tensors().end(), [](const TensorInfo& info) {
    return std::any_of(kNextToken.begin(), kNextToken.end(),
                       [&](std::string_view part) { return info.name.find(part) != std::string::npos; });
  });
}

bool is_second_output(std::string_view name, const ModelConfig& config) {
  return name == "lm_head.weight" && config.tied_embeddings;
}

/// Whether two matrices are the same to the last bit. Reads them piece by piece.
bool are_equal(const TensorSource& source, const TensorInfo& one, const TensorInfo& other) {
  if (one.type != other.type || one.shape != other.shape) return false;
  const auto rows = static_cast<std::size_t>(one.shape.front());
  constexpr std::size_t kPiece = std::size_t{1} << 24;  // bytes
  const std::size_t step = std::max<std::size_t>(kPiece * rows / std::max<std::size_t>(one.bytes, 1), 1);
  for (std::size_t row = 0; row < rows; row += step) {
    const std::size_t count = std::min(step, rows - row);
    const auto left = source.load_rows(one, row, count), right = source.load_rows(other, row, count);
    if (std::memcmp(left->bytes().data(), right->bytes().data(), left->bytes().size()) != 0) return false;
  }
  return true;
}

/// transformers puts the embedding in the place of a stored output matrix where the config ties them, and so do we.
void check_second_output(const TensorSource& source, const TensorInfo& output, const ModelConfig& config) {
  const TensorInfo* const embedding =
      source.find(tensor_name(config.naming, TensorRole::embedding, LayerIndex(0)));  // it is there: looked at before
  if (embedding != nullptr && are_equal(source, output, *embedding)) return;
  log_warn(
      "{}: tensor {} is not the embedding's and is not used: the config has tie_word_embeddings, so the embedding is "
      "the output matrix too; set it to false in config.json where this tensor is meant",
      source.location(output.name), output.name);
}

std::string why(std::string_view name, const ModelConfig& config) {
  const auto layer = layer_of(name, config.naming);
  if (layer && *layer >= config.layer_count()) {
    return fmt::format("the config has the layers 0..{} only", config.layer_count() - 1);
  }
  if (is_adapter(name)) return "adapters are not applied";
  return fmt::format("a model of family {} with this config has no such part", config.family);
}

}  // namespace

UnusedTensor kind_of_unused(std::string_view name, const ModelConfig& config, bool has_next_token_layers) {
  if (is_adapter(name)) return UnusedTensor::decisive;
  if (ends_with_any(name, kHarmless)) return UnusedTensor::harmless;
  if (is_second_output(name, config)) return UnusedTensor::harmless;
  if (ends_with_any(name, kScalesOfOthers)) return UnusedTensor::beside;
  if (const auto layer = layer_of(name, config.naming); layer && *layer >= config.layer_count()) {
    return has_next_token_layers ? UnusedTensor::beside : UnusedTensor::decisive;
  }
  const bool decoder = begins_with_any(name, kDecoder) && !begins_with_any(name, kBesideDecoder);
  return decoder ? UnusedTensor::decisive : UnusedTensor::beside;
}

void check_unused_tensors(const TensorSource& source, const ModelConfig& config) {
  std::unordered_set<std::string> used;
  for (ModelTensor& tensor : model_tensors(config)) used.insert(std::move(tensor.name));
  const bool next_token = brings_next_token_layers(source);
  std::vector<std::string> decisive, beside;
  for (const TensorInfo& info : source.tensors()) {
    if (used.contains(info.name)) continue;
    if (is_second_output(info.name, config)) check_second_output(source, info, config);
    const UnusedTensor kind = kind_of_unused(info.name, config, next_token);
    if (kind == UnusedTensor::decisive) decisive.push_back(info.name);
    if (kind == UnusedTensor::beside) beside.push_back(info.name);
  }
  const auto more = [](std::size_t count) {
    return count == 1 ? std::string() : fmt::format(" and {} more", count - 1);
  };
  if (!decisive.empty()) {
    throw ModelFileError(
        {source.location(decisive.front()),
         fmt::format("tensor {}{} would not be used: {}", decisive.front(), more(decisive.size()),
                     why(decisive.front(), config)),
         "its numbers would be those of another model; use a checkpoint whose config goes with its tensors"});
  }
  if (!beside.empty()) {
    log_warn("{}: tensor {}{} is not used: it lies beside the decoder of text", source.location(beside.front()),
             beside.front(), more(beside.size()));
  }
}

}  // namespace gemring

#include "engine/model/weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>

#include "engine/base/error.h"
#include "engine/kernels/elementwise.h"
#include "engine/model/tensors.h"
#include "engine/model/unused_tensors.h"

namespace gemring {
namespace {

const TensorInfo& find_checked(const TensorSource& source, const ModelTensor& tensor) {
  const auto& [role, layer, name, shape] = tensor;
  const TensorInfo* info = source.find(name);
  if (info == nullptr) {
    throw ModelFileError({source.location(name), fmt::format("tensor {} is missing", name),
                          "the checkpoint is incomplete or of another family; download it again"});
  }
  if (info->shape != shape) {
    throw ModelFileError({source.location(name),
                          fmt::format("tensor {} has shape [{}], the config wants [{}]", name,
                                      fmt::join(info->shape, ", "), fmt::join(shape, ", ")),
                          "config and weights are not of the same model"});
  }
  return *info;
}

StoredMatrix load_matrix(const TensorSource& source, const ModelTensor& tensor) {
  const TensorInfo& info = find_checked(source, tensor);
  StoredMatrix stored;
  stored.data = source.load(info);
  stored.matrix = {info.type, stored.data->bytes().data(), static_cast<std::size_t>(tensor.shape[0]),
                   static_cast<std::size_t>(tensor.shape[1])};
  return stored;
}

std::vector<float> load_vector(const TensorSource& source, const ModelTensor& tensor) {
  const TensorInfo& info = find_checked(source, tensor);
  std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]));
  widen(info.type, source.load(info)->bytes().data(), values.data(), values.size());
  return values;
}

/// Rows [begin, begin + count) of a stored matrix; they lie one behind the other in every type.
StoredMatrix rows_of(const StoredMatrix& all, std::int32_t begin, std::int32_t count) {
  StoredMatrix part = all;
  part.matrix.rows = static_cast<std::size_t>(count);
  part.matrix.data = static_cast<const std::byte*>(all.matrix.data) +
                     static_cast<std::size_t>(begin) * row_bytes(all.matrix.type, all.matrix.cols);
  return part;
}

struct ProjectionRoles {
  TensorRole weight, bias;
  Projection LayerWeights::*place;
};

constexpr std::array kProjections = {
    ProjectionRoles{TensorRole::q, TensorRole::q_bias, &LayerWeights::q},
    ProjectionRoles{TensorRole::k, TensorRole::k_bias, &LayerWeights::k},
    ProjectionRoles{TensorRole::v, TensorRole::v_bias, &LayerWeights::v},
    ProjectionRoles{TensorRole::o, TensorRole::o_bias, &LayerWeights::o},
    ProjectionRoles{TensorRole::gate, TensorRole::gate_bias, &LayerWeights::gate},
    ProjectionRoles{TensorRole::up, TensorRole::up_bias, &LayerWeights::up},
    ProjectionRoles{TensorRole::down, TensorRole::down_bias, &LayerWeights::down},
};

struct NormRole {
  TensorRole role;
  std::vector<float> LayerWeights::*place;
};

constexpr std::array kNorms = {
    NormRole{TensorRole::input_norm, &LayerWeights::input_norm},
    NormRole{TensorRole::q_norm, &LayerWeights::q_norm},
    NormRole{TensorRole::k_norm, &LayerWeights::k_norm},
    NormRole{TensorRole::mlp_norm, &LayerWeights::mlp_norm},
};

void place_matrix(const ModelConfig& config, TensorRole role, const StoredMatrix& loaded, LayerWeights& layer) {
  if (role == TensorRole::qkv) {
    layer.q.weight = rows_of(loaded, 0, config.query_width());
    layer.k.weight = rows_of(loaded, config.query_width(), config.kv_width());
    layer.v.weight = rows_of(loaded, config.query_width() + config.kv_width(), config.kv_width());
  } else if (role == TensorRole::gate_up) {
    layer.gate.weight = rows_of(loaded, 0, config.ffn);
    layer.up.weight = rows_of(loaded, config.ffn, config.ffn);
  }
  for (const ProjectionRoles& projection : kProjections) {
    if (projection.weight == role) (layer.*projection.place).weight = loaded;
  }
}

void place_vector(TensorRole role, std::vector<float> loaded, LayerWeights& layer) {
  for (const NormRole& norm : kNorms) {
    if (norm.role != role) continue;
    layer.*norm.place = std::move(loaded);
    return;
  }
  for (const ProjectionRoles& projection : kProjections) {
    if (projection.bias != role) continue;
    (layer.*projection.place).bias = std::move(loaded);
    return;
  }
}

ModelTensor outside_tensor(const ModelConfig& config, TensorRole role) {
  const std::vector<std::int64_t> matrix = {config.vocab, config.hidden};
  const std::vector<std::int64_t> vector = {config.hidden};
  const LayerIndex none(0);
  return {role, none, tensor_name(config.naming, role, none), role == TensorRole::output_norm ? vector : matrix};
}

}  // namespace

void check_tensors(const TensorSource& source, const ModelConfig& config) {
  for (const ModelTensor& tensor : model_tensors(config)) find_checked(source, tensor);
  check_unused_tensors(source, config);
}

LayerWeights load_layer(const TensorSource& source, const ModelConfig& config, LayerIndex layer, LayerPart part) {
  LayerWeights weights;
  for (const ModelTensor& tensor : layer_tensors(config, layer)) {
    if (part == LayerPart::scoring && !is_for_scoring(tensor.role)) continue;
    if (tensor.shape.size() == 1)
      place_vector(tensor.role, load_vector(source, tensor), weights);
    else
      place_matrix(config, tensor.role, load_matrix(source, tensor), weights);
  }
  return weights;
}

StoredMatrix load_embedding(const TensorSource& source, const ModelConfig& config) {
  return load_matrix(source, outside_tensor(config, TensorRole::embedding));
}

StoredMatrix load_output_matrix(const TensorSource& source, const ModelConfig& config) {
  return load_matrix(source, outside_tensor(config, TensorRole::output));
}

std::vector<float> load_output_norm(const TensorSource& source, const ModelConfig& config) {
  return load_vector(source, outside_tensor(config, TensorRole::output_norm));
}

}  // namespace gemring

// The safetensors checkpoint of a model directory, one file or the shards of an index, as a source of tensors.
#pragma once

#include <memory>
#include <string>

#include "engine/weights/tensor_source.h"

namespace gemring {

/// model.safetensors, or the shards of model.safetensors.index.json. Every header is read and checked (facts of the
/// format: safetensors/src/tensor.rs); no tensor is mapped yet. Throws ModelFileError naming file, tensor, problem.
std::unique_ptr<TensorSource> open_checkpoint(const std::string& model_directory);

}  // namespace gemring

// A model as people download it: a directory (config.json and safetensors) or a GGUF file.
#pragma once

#include <memory>
#include <string>

#include "engine/model/config.h"
#include "engine/weights/tensor_source.h"

namespace gemring {

struct ModelFiles {
  std::string name;  // what its publisher calls it: general.name, _name_or_path, else the file's or directory's own
  ModelConfig config;
  std::unique_ptr<TensorSource> weights;
};

/// Reads the config and every header of the weights; maps no weight but the few numbers of a GGUF's RoPE. Throws
/// ModelFileError and ConfigError.
ModelFiles open_model_files(const std::string& path);

}  // namespace gemring

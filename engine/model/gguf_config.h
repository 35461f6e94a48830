// Private to this folder. The config of a GGUF file, from its metadata and tensors.
#pragma once

#include "engine/model/config.h"
#include "engine/weights/gguf/gguf.h"

namespace gemring {

/// Keys as ggml's docs/gguf.md and gguf-py constants.py name them. Throws ModelFileError (a key is missing or its
/// figure impossible) and ConfigError (an architecture or a feature that is not supported, by name).
ModelConfig read_gguf_config(const GgufMetadata& metadata, const TensorSource& tensors);

}  // namespace gemring

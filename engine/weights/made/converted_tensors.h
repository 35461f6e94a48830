// Weights of one type made from weights of another as they are loaded (--weights).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "engine/weights/tensor_source.h"

namespace gemring {

struct WeightConversion {
  DataType type = DataType::bf16;  // f32, bf16, q8_0 or q4_0
  /// Matrices that q4_0 is too coarse for and that become q8_0 instead, as llama.cpp keeps the embedding and the output
  /// matrix; unset: none. This folder knows no model, so the caller names them.
  std::function<bool(std::string_view tensor)> is_sensitive;
};

struct ConvertedTensors {
  std::unique_ptr<TensorSource> tensors;
  std::size_t kept_bf16 = 0;  // matrices that became bf16 because their rows are no whole number of blocks
};

/// The tensors of `source` with every matrix (two dimensions) in the wanted type; tensors of other ranks stay as they
/// are. load() converts one tensor, row by row on all threads, into memory that the result owns; each thread has a MiB
/// of the source's at a time, so that memory never holds more than the results. The fingerprint depends on the types
/// too. Throws ConfigError where a tensor of `source` has a block type already; load() throws ModelFileError where a
/// block holds a number that its type cannot (NaN, infinity, beyond the scales).
ConvertedTensors convert_tensors(std::unique_ptr<TensorSource> source, const WeightConversion& conversion);

}  // namespace gemring

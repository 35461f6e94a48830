// Random numbers as a source of tensors: benchmarks need no download.
#pragma once

#include <memory>
#include <vector>

#include "engine/weights/tensor_source.h"

namespace gemring {

/// Tensors of the given infos filled with reproducible normal numbers (standard deviation 0.02, norm weights, which are
/// the 1-D tensors, 1), made when loaded. The same for the same name on every rank and machine. Approximately normal:
/// sums of four uniform numbers, of exact mean and deviation, none beyond 3.5 deviations. Types: f32, f16, bf16, and
/// q4_k (of uniform codes, with the same deviation and mean); other block types come from convert_tensors()
/// (converted_tensors.h).
std::unique_ptr<TensorSource> random_tensors(std::vector<TensorInfo> infos);

}  // namespace gemring

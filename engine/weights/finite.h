// Whether stored weights hold a NaN or an infinity where one spreads furthest.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "engine/weights/tensor_source.h"

namespace gemring {

/// The first block with a scale that is NaN or infinite, or for types without blocks the first such element; nothing
/// where all are finite. Reads the scales only, on all threads; `bytes` is a whole number of blocks, at any address.
std::optional<std::size_t> first_not_finite(DataType type, std::span<const std::byte> bytes);

/// Refuses a tensor whose NaN or infinity would spread: in a scale of a block type, or anywhere in a tensor of at most
/// one dimension (norms, biases, frequencies), which is scaled or added to every token. Larger tensors of f32, f16 and
/// bf16 are not read. All scales are looked at, not a sample: 2 bytes of each 18 to 34 that a prefill reads
/// anyway, in the order of the file: less than 0.1 s for a model of 1e9 parameters in the page cache (bench/load).
/// Throws ModelFileError; `location` is the file.
void refuse_not_finite(const TensorInfo& info, std::span<const std::byte> bytes, const std::string& location);

}  // namespace gemring

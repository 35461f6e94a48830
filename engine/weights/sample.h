// Some bytes of each tensor for a checkpoint's fingerprint.
#pragma once

#include <cstdint>

#include "engine/weights/file.h"

namespace gemring {

/// `hash` carried on over the first, middle and last KiB of `bytes` bytes from `offset` on: a fine-tune has the header
/// of its base, some values of each tensor tell the two apart without reading gigabytes.
std::uint64_t add_sample(const InputFile& file, std::uint64_t offset, std::uint64_t bytes, std::uint64_t hash);

}  // namespace gemring

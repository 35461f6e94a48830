// The machine's limit of whatever reads all of its weights for every token.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/tensor/buffer.h"

namespace gemring {

/// Reads memory with all OpenMP threads at once, each its own contiguous part, which it has written first: on its own
/// NUMA node, as weights are. The memory is that of one probe: making it takes longer than a measurement.
class MemoryProbe {
 public:
  /// `bytes` is far more than the caches, as weights are; unset: 1 GiB, or a quarter of the memory that is free.
  explicit MemoryProbe(std::size_t bytes = 0);

  /// One pass through all of it, GB/s (1e9 bytes per second).
  double read_gbs() const;

 private:
  std::size_t words_of_thread_;
  Buffer<std::uint32_t> words_;
};

/// The best of several passes.
double measure_memory_read_gbs();

}  // namespace gemring

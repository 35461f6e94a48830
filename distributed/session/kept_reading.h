// What a filter rank keeps of a text that a windowed pass has read: the pass over a text that begins alike goes on from
// there, to the same bits. Header only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "engine/attention/window_cache.h"
#include "engine/tensor/buffer.h"

namespace gemring {

/// What a pass takes from one before, and what it leaves. Rank 0 decides (text_directory.h), every rank does the same.
struct ReadingOrder {
  std::uint64_t from = 0;        // the reading that it goes on from; 0: none
  std::int32_t from_chunk = 0;   // the first chunk that is read
  std::int32_t keep_chunks = 0;  // chunks that may be kept: so many from the first on; 0: none
  // Of the last step alone, and of restore steps:
  std::uint64_t keep_as = 0;             // number of what is kept; 0: nothing is
  std::vector<std::uint64_t> drop = {};  // readings that are given up, before that one is there
};

/// Keys of a rank's rows in each scoring layer: [rows, kv_heads, head_dim] in the cache's type.
struct KeySegment {
  std::vector<Buffer<std::byte>> keys;  // [scoring layers]
};

/// One rank's part. Readings that begin alike share their memory.
struct KeptReading {
  struct Part {
    std::shared_ptr<const KeySegment> segment;
    std::size_t rows = 0;  // the first so many of it
  };
  std::vector<Part> parts;  // of the rank's rows, in their order
  /// By chunk, what the chunk before left in every layer: on the rank whose chunk it is.
  std::map<std::int32_t, std::shared_ptr<std::vector<WindowHalo>>> halos;
};

/// Chunks between two places where a text that goes on otherwise can be continued: 8,192 tokens.
inline constexpr std::int32_t kChunksBetweenHalos = 4;

/// Whether halos in front of `chunk` are kept, of a reading of `chunks` chunks.
constexpr bool keeps_halos(std::int32_t chunk, std::int32_t chunks) {
  return chunk == chunks || (chunk > 0 && chunk < chunks && chunk % kChunksBetweenHalos == 0);
}

}  // namespace gemring

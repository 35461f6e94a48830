// A reading (kept_reading.h) outside of the ranks: in order of position, so that any number of ranks leaves the same
// bytes and can go on from them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/plan/chunk_deal.h"
#include "distributed/session/compute_options.h"
#include "distributed/session/kept_reading.h"
#include "engine/attention/window_cache.h"
#include "engine/model/config.h"
#include "engine/selection/filter_profile.h"

namespace gemring {

/// Sizes of what a reading consists of.
struct ReadingLayout {
  KvShape shape;
  WindowSizes sizes;               // of the pass; sizes.chunk: tokens of a chunk
  std::size_t scoring_layers = 0;  // with keys of all tokens
  std::size_t layers = 0;          // with halos

  /// Of a reading of so many chunks, on all ranks.
  std::size_t bytes(std::int32_t chunks) const {
    const auto all = static_cast<std::size_t>(chunks);
    const std::size_t halos = all / kChunksBetweenHalos + 1;
    return all * key_bytes() + halos * halo_bytes();
  }

  /// Of a chunk: [scoring_layers, chunk, kv_heads, head_dim].
  std::size_t key_bytes() const {
    return scoring_layers * static_cast<std::size_t>(sizes.chunk) * shape.bytes_per_token();
  }
  /// In front of a chunk: [layers], WindowHalo::size each.
  std::size_t halo_bytes() const { return layers * WindowHalo::size(shape, sizes); }
};

ReadingLayout reading_layout(const ModelConfig& config, const FilterProfile& profile, const ComputeOptions& options);

/// What a reading is of.
struct ReadText {
  std::vector<TokenId> ids;  // of whole chunks
  std::uint64_t angles = 0;  // passes whose positions turn keys alike have one number
};

/// Takes a reading on rank 0: begin(), for each chunk its keys and, where keeps_halos() says so, the halos behind it,
/// end(); nothing of that where the ranks keep nothing of the text. Called by one thread after the other, of which the
/// second computes, while other ranks wait. Throws nothing: what fails is kept for who wants the reading.
class ReadingSink {
 public:
  virtual ~ReadingSink() = default;
  virtual void begin(const ReadText& text) = 0;
  virtual void write(std::span<const std::byte> bytes) = 0;
  virtual void end() = 0;
};

/// Gives one on rank 0, in the same order.
class ReadingSource {
 public:
  virtual ~ReadingSource() = default;
  virtual const ReadText& text() const = 0;
  /// Called by the thread that computes. Throws ModelFileError, which ends the run.
  virtual void rewind() = 0;
  virtual void read(std::span<std::byte> bytes) = 0;
};

/// The first `chunks` chunks of a reading, whose parts the members of the filter group hold, to `sink` (the first
/// member's; elsewhere nullptr). `deal`: of at least chunks + 1 chunks.
///
///     BEFORE  member 0: keys 0 2, halos 2     member 1: keys 1 3, halos 1 3    (of chunks; halos in front of them)
///     AFTER   sink: keys 0, halos 1, keys 1, halos 2, keys 2, halos 3, keys 3 ..
void store_reading(Communicator& group, const ChunkDeal& deal, const ReadingLayout& layout, std::int32_t chunks,
                   const KeptReading& own, ReadingSink* sink);

/// The other way; returns this member's part.
KeptReading restore_reading(Communicator& group, const ChunkDeal& deal, const ReadingLayout& layout,
                            std::int32_t chunks, ReadingSource* source);

}  // namespace gemring

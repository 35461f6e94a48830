// Keys and values that a chunk of a long text sees of one layer at a time: those of the sink tokens, of the window
// before the chunk, and its own.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "engine/attention/kv_segments.h"
#include "engine/base/types.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

struct WindowSizes {
  std::int32_t window = 0;  // a query sees keys of the last so many positions, its own included: 1 to chunk
  std::int32_t sinks = 0;   // and those of the text's first tokens: 0 to chunk
  std::int32_t chunk = 0;   // tokens of a chunk; the last one may be shorter
};

/// What a chunk leaves to the one behind it, in one layer. Bytes that can be sent as they are; what of `tail` is filled
/// follows from the chunk's end.
class WindowHalo {
 public:
  WindowHalo(const KvShape& shape, const WindowSizes& sizes);

  std::span<std::byte> bytes() { return {memory_.data(), memory_.size()}; }
  std::size_t size() const { return memory_.size(); }
  static std::size_t size(const KvShape& shape, const WindowSizes& sizes);

  /// Of the sink tokens, at the positions that they have in the text; f32, for each chunk turns them anew.
  HeadsView<float> sink_keys();    // [sinks, kv_heads, head_dim]
  HeadsView<float> sink_values();  // the same
  std::byte* tail_keys();          // [window, kv_heads, head_dim] in the cache's type
  std::byte* tail_values();        // the same

 private:
  KvShape shape_;
  std::size_t sinks_, window_;
  Buffer<std::byte> memory_;
};

/// The sinks are one segment, window and chunk the other; where the text is shorter one of them may be missing.
class WindowCache final : public KvSegments {
 public:
  WindowCache(const KvShape& shape, const WindowSizes& sizes);

  const KvShape& shape() const override { return shape_; }
  std::size_t most_segments() const override { return 2; }
  std::size_t segment_count(LayerIndex layer) const override;
  KvSegment segment(LayerIndex layer, std::size_t index) const override;

  /// A chunk's positions: neighbours, from a multiple of sizes.chunk on. Every layer writes them anew.
  void begin_step(std::span<const GlobalPosition> positions) override;
  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;

  /// In each layer of every chunk but the first, before attention: what the chunk before left. `sink_keys`: the halo's,
  /// turned to where they stand for this chunk (sink_shift()).   [sinks, kv_heads, head_dim]
  void take(WindowHalo& halo, HeadsView<const float> sink_keys);
  /// In each layer, once all rows are written: what the next chunk needs. Of a chunk that is whole.
  void leave(WindowHalo& halo) const;

  /// By how many positions sinks stand further on than in the text: right before the window of the chunk's first query,
  /// so that no distance is longer than sinks, window and chunk together.
  static std::int32_t sink_shift(GlobalPosition chunk_begin, const WindowSizes& sizes);

 private:
  bool first_chunk() const { return begin_.value() == 0; }
  std::size_t row_bytes(std::size_t rows) const { return rows * shape_.bytes_per_token(); }
  static std::int32_t tail_begin(GlobalPosition end, const WindowSizes& sizes);

  KvShape shape_;
  WindowSizes sizes_;
  GlobalPosition begin_, end_;             // of the chunk
  std::vector<GlobalPosition> sinks_;      // positions of the sinks that are there
  std::vector<GlobalPosition> positions_;  // of window and chunk
  std::size_t window_rows_ = 0;            // of these, in the window
  Buffer<float> sink_keys_, sink_values_;  // [sinks, kv_heads, head_dim], as in the halo
  Buffer<std::byte> sink_memory_;          // keys, then values, in the cache's type, turned
  Buffer<std::byte> keys_, values_;        // [window + chunk, kv_heads, head_dim]
};

}  // namespace gemring

// Every member gets all keys and values, then attends to them as one rank would: the same bits as on one rank, for the
// memory of a layer's whole cache.
#pragma once

#include "distributed/ring/ring_pass.h"
#include "engine/tensor/buffer.h"

namespace gemring {

class AllGather : public RingPass {
 public:
  AllGather(const RingParts& parts, const RingExtent& extent);

  void attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) override;

 private:
  /// Rows of a member to their places among all, in order of position.
  void place(int member, DataType type, const std::byte* keys, const std::byte* values);
  void attend_all(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape);

  std::vector<GlobalPosition> positions_;  // 0, 1, 2, ... of all keys
  std::vector<Buffer<std::byte>> in_;      // [member]: keys, then values
  KeyMessage own_message_;
  Buffer<std::byte> keys_, values_;  // of all, in the cache's type
  Buffer<float> ml_;                 // m, then l, of own queries
};

}  // namespace gemring

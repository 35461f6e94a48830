// Keys and values travel around the ring (pass-KV; ring attention, arXiv 2310.01889).
#pragma once

#include "distributed/ring/ring_pass.h"
#include "engine/tensor/buffer.h"

namespace gemring {

class PassKv : public RingPass {
 public:
  PassKv(const RingParts& parts, const RingExtent& extent);

  void attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) override;

 private:
  struct Block {  // of one member, as it travels: keys, then values
    const std::byte* keys = nullptr;
    const std::byte* values = nullptr;
    std::size_t count = 0;
    int owner = 0;
  };
  Block own_block(LayerIndex layer);
  Block incoming_block(int owner, std::size_t buffer);
  KeysValues readable(const Block& block);  // by the kernels
  std::size_t block_bytes(std::size_t tokens) const { return row_bytes(extent_.types.keys, key_elements(tokens)); }

  OwnState state_;
  KeyMessage own_message_;
  Buffer<std::byte> unpacked_;         // of another member, where no kernel reads the message's type
  std::vector<Buffer<std::byte>> in_;  // two blocks
};

}  // namespace gemring

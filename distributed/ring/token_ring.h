// Queries go round one way, partial results straight back the other way (TokenRing, arXiv 2412.20501): both directions
// of a link are busy, and keys and values stay where they are cached.
#pragma once

#include <array>

#include "distributed/ring/ring_pass.h"

namespace gemring {

class TokenRing : public RingPass {
 public:
  TokenRing(const RingParts& parts, const RingExtent& extent);

  void attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) override;

 private:
  QueryMessage own_queries_;
  std::array<QueryMessage, 2> queries_in_;  // of the members behind, one step after the other
  Buffer<float> queries_;                   // of one member, where messages are not f32
  OwnState state_;                          // merged so far
  std::array<PartialMessage, 2> incoming_;  // of own queries against another member's keys
  std::array<PartialMessage, 2> outgoing_;  // of another member's queries against own keys
};

}  // namespace gemring

// Queries go to every member and partial results come back (pass-Q, arXiv 2411.01783): keys and values stay where they
// are cached.
#pragma once

#include "distributed/ring/ring_pass.h"

namespace gemring {

class PassQ : public RingPass {
 public:
  PassQ(const RingParts& parts, const RingExtent& extent);

  void attend(LayerIndex layer, HeadsView<float> q, const AttentionShape& shape) override;

 private:
  QueryMessage queries_out_;
  std::vector<QueryMessage> queries_in_;  // [member]
  Buffer<float> queries_;                 // of one member, where messages are not f32
  OwnState state_;
  std::vector<PartialMessage> incoming_;  // [member]: of this rank's queries against that member's keys
  std::vector<PartialMessage> outgoing_;  // [member]: of that member's queries against this rank's keys
};

}  // namespace gemring

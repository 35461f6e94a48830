// One decoded token of each of several sequences in one step.
#pragma once

#include <span>
#include <vector>

#include "engine/attention/attention.h"

namespace gemring {

/// Row i of a step belongs to each[i], which sees a step of one row; on a rank that computes nothing (`computes` false)
/// a step without rows. So no sequence can tell what is beside it.
class BatchAttention : public Attention {
 public:
  /// Before each step. The attentions are the caller's.
  void begin(std::vector<Attention*> each, bool computes);

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override;
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              const AttentionShape& shape) override;

 private:
  std::vector<Attention*> each_;
  bool computes_ = true;
};

}  // namespace gemring

#include "distributed/pipeline/batch_attention.h"

#include <utility>

#include "engine/base/check.h"

namespace gemring {

void BatchAttention::begin(std::vector<Attention*> each, bool computes) {
  each_ = std::move(each);
  computes_ = computes;
}

void BatchAttention::write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k,
                           HeadsView<const float> v) {
  for (std::size_t i = 0; i < k.tokens(); ++i)
    each_.at(first_row + i)->write(layer, 0, k.tokens(i, i + 1), v.tokens(i, i + 1));
}

void BatchAttention::attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
                            const AttentionShape& shape) {
  GEMRING_CHECK(q.tokens() == (computes_ ? each_.size() : 0), "{} queries of {} sequences", q.tokens(), each_.size());
  for (std::size_t i = 0; i < each_.size(); ++i) {
    if (computes_)
      each_[i]->attend(layer, q.tokens(i, i + 1), positions.subspan(i, 1), shape);
    else
      each_[i]->attend(layer, q, positions, shape);
  }
}

}  // namespace gemring

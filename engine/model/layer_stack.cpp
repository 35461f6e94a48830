#include "engine/model/layer_stack.h"

#include "engine/base/check.h"

namespace gemring {

void LayerStack::forward(MatrixView<float> x, const StepRows& rows, std::size_t wanted, Attention& attention,
                         LayerWorkspace& work, const LayerCallback& after_layer) const {
  GEMRING_CHECK(wanted <= x.rows() && rows.positions.size() == x.rows(), "{} wanted of {} rows, {} positions", wanted,
                x.rows(), rows.positions.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].forward(x, rows, i + 1 < layers_.size() ? x.rows() : wanted, attention, work);
    if (after_layer) after_layer(static_cast<std::int32_t>(i) + 1);
  }
}

}  // namespace gemring

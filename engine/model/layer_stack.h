// Consecutive decoder layers and the step that runs through them.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "engine/model/decoder_layer.h"

namespace gemring {

class LayerStack {
 public:
  explicit LayerStack(std::vector<DecoderLayer> layers) : layers_(std::move(layers)) {}

  std::int32_t size() const { return static_cast<std::int32_t>(layers_.size()); }

  /// Called after each layer with the number of layers done; may be empty.
  using LayerCallback = std::function<void(std::int32_t)>;

  /// x <- layers(x), in place. Of the last layer only the last `wanted` rows go beyond keys and values (what a prefill
  /// wants of the model's last layer); the other rows of x are then undefined.   x: [rows, hidden]
  void forward(MatrixView<float> x, const StepRows& rows, std::size_t wanted, Attention& attention,
               LayerWorkspace& work, const LayerCallback& after_layer = {}) const;

 private:
  std::vector<DecoderLayer> layers_;
};

}  // namespace gemring

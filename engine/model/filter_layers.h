// Filter layers that papers publish for models of known shape.
#pragma once

#include <optional>
#include <string_view>

#include "engine/model/config.h"

namespace gemring {

struct PublishedFilterLayer {
  std::string_view model;  // as its publisher calls it
  std::string_view source;
  LayerIndex layer;  // 0-based
};

/// Of the model whose shape this is (layers, widths, vocabulary: files do not tell names); nothing for others.
std::optional<PublishedFilterLayer> published_filter_layer(const ModelConfig& config);

}  // namespace gemring

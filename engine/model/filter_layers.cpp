#include "engine/model/filter_layers.h"

#include <array>

namespace gemring {
namespace {

struct Shape {
  std::int32_t layers, hidden, ffn, heads, kv_heads, vocab;
};

struct Entry {
  Shape shape;
  PublishedFilterLayer published;
};

constexpr std::string_view kGemFilter = "GemFilter, arXiv 2409.17422";

// PromptDistill (arXiv 2503.23274) takes GemFilter's 13 for Llama-3.1-8B too, and FastKV (arXiv 2502.01068) gives it to
// its GemFilter baseline on Llama-3.1-8B-UltraLong, which has the same shape.
constexpr std::array kPublished = {
    Entry{{32, 4096, 14336, 32, 8, 128256}, {"Llama-3.1-8B", kGemFilter, LayerIndex(13)}},
    Entry{{40, 5120, 14336, 32, 8, 131072}, {"Mistral-Nemo-12B", kGemFilter, LayerIndex(19)}},
    Entry{{32, 3072, 8192, 32, 32, 32064}, {"Phi-3.5-mini", kGemFilter, LayerIndex(19)}},
};

}  // namespace

std::optional<PublishedFilterLayer> published_filter_layer(const ModelConfig& config) {
  for (const auto& [shape, published] : kPublished) {
    if (config.layer_count() == shape.layers && config.hidden == shape.hidden && config.ffn == shape.ffn &&
        config.heads == shape.heads && config.kv_heads == shape.kv_heads && config.vocab == shape.vocab) {
      return published;
    }
  }
  return std::nullopt;
}

}  // namespace gemring

#include "engine/model/filter_layers.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace gemring {
namespace {

ModelConfig shaped(std::int32_t layers, std::int32_t hidden, std::int32_t ffn, std::int32_t kv_heads,
                   std::int32_t vocab) {
  ModelConfig config;
  config.layers.resize(static_cast<std::size_t>(layers));
  config.hidden = hidden;
  config.ffn = ffn;
  config.heads = 32;
  config.kv_heads = kv_heads;
  config.vocab = vocab;
  return config;
}

TEST(PublishedFilterLayer, ThePaperOfGemFilterNamesThree) {
  EXPECT_EQ(published_filter_layer(shaped(32, 4096, 14336, 8, 128256))->layer, LayerIndex(13));
  EXPECT_EQ(published_filter_layer(shaped(40, 5120, 14336, 8, 131072))->layer, LayerIndex(19));
  EXPECT_EQ(published_filter_layer(shaped(32, 3072, 8192, 32, 32064))->layer, LayerIndex(19));
}

TEST(PublishedFilterLayer, OtherModelsOfTheSameDepthHaveNone) {
  EXPECT_FALSE(published_filter_layer(shaped(32, 4096, 14336, 8, 32000)));   // Mistral-7B
  EXPECT_FALSE(published_filter_layer(shaped(32, 4096, 11008, 32, 32000)));  // Llama-2-7B
  EXPECT_FALSE(published_filter_layer(shaped(40, 5120, 13824, 8, 131072)));
}

}  // namespace
}  // namespace gemring

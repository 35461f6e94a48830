#include "launch/prompts/model.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

ModelConfig with_layers(std::int32_t layers) {
  ModelConfig config;
  config.layers.resize(static_cast<std::size_t>(layers));
  return config;
}

TEST(FilterLayer, TheOptionWinsOverTheProfile) {
  const FilterLayer choice = choose_filter_layer(2, LayerIndex(3), with_layers(8));
  EXPECT_EQ(choice.layer, LayerIndex(2));
  EXPECT_EQ(choice.source, "--filter-layer");
}

TEST(FilterLayer, TheProfileWinsOverTheRuleOfThumb) {
  EXPECT_EQ(choose_filter_layer(std::nullopt, LayerIndex(3), with_layers(8)).layer, LayerIndex(3));
}

TEST(FilterLayer, TheRuleOfThumbIsNearlyHalfOfTheLayers) {
  const FilterLayer choice = choose_filter_layer(std::nullopt, std::nullopt, with_layers(32));
  EXPECT_EQ(choice.layer, LayerIndex(14));  // 0.45 x 32 = 14.4
  EXPECT_EQ(choice.source, "rule of thumb");
}

TEST(FilterLayer, APaperWinsOverTheRuleOfThumb) {
  ModelConfig llama31 = with_layers(32);
  llama31.hidden = 4096;
  llama31.ffn = 14336;
  llama31.heads = 32;
  llama31.kv_heads = 8;
  llama31.vocab = 128256;
  EXPECT_EQ(choose_filter_layer(std::nullopt, std::nullopt, llama31).layer, LayerIndex(13));
  EXPECT_EQ(choose_filter_layer(std::nullopt, LayerIndex(3), llama31).source, "gemring.json");
  EXPECT_EQ(choose_filter_layer(2, LayerIndex(3), llama31).source, "--filter-layer");
}

TEST(FilterLayer, LayersOutsideTheModelAreRefused) {
  EXPECT_THROW(choose_filter_layer(8, std::nullopt, with_layers(8)), UsageError);
  EXPECT_THROW(choose_filter_layer(-1, std::nullopt, with_layers(8)), UsageError);
  EXPECT_THROW(choose_filter_layer(std::nullopt, LayerIndex(9), with_layers(8)), ConfigError);
  EXPECT_EQ(choose_filter_layer(0, std::nullopt, with_layers(8)).layer, LayerIndex(0));
  EXPECT_EQ(choose_filter_layer(7, std::nullopt, with_layers(8)).layer, LayerIndex(7));
}

TEST(OpenModel, TheDemoModelOpensAndNamesItsFingerprint) {
  const auto world = one_rank_communicator();
  Job job{*world, {}, {"here"}};
  Options options;
  options.model_directory = GEMRING_DEMO_MODEL;
  const OpenModel model = open_model(job, options);
  EXPECT_GT(model.config.layer_count(), 0);
  EXPECT_NE(model.weights->fingerprint(), 0u);
  EXPECT_EQ(fingerprint_text(0x12ab), "0x00000000000012ab");
}

TEST(OpenModel, AMissingDirectoryIsAModelFileError) {
  const auto world = one_rank_communicator();
  Job job{*world, {}, {"here"}};
  Options options;
  options.model_directory = "/nowhere";
  try {
    open_model(job, options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::model_file);
  }
}

}  // namespace
}  // namespace gemring

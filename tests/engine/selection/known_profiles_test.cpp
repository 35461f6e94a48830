#include "engine/selection/known_profiles.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

ModelConfig shaped(std::int32_t layers, std::int32_t hidden, std::int32_t ffn, std::int32_t heads,
                   std::int32_t kv_heads, std::int32_t vocab) {
  ModelConfig config;
  config.layers.resize(static_cast<std::size_t>(layers));
  config.hidden = hidden;
  config.ffn = ffn;
  config.heads = heads;
  config.kv_heads = kv_heads;
  config.vocab = vocab;
  return config;
}

std::int32_t layer_of(std::string_view name, const ModelConfig& config) {
  const auto known = known_profile(name, config);
  return known ? known->profile.filter_layer().value() : -1;
}

TEST(KnownProfile, NamesAreWrittenInManyWays) {
  const ModelConfig llama = shaped(32, 4096, 14336, 32, 8, 128256);
  for (const char* const name :
       {"meta-llama/Llama-3.1-8B-Instruct", "Meta Llama 3.1 8B Instruct", "llama-3.1-8b.gguf"}) {
    EXPECT_EQ(layer_of(name, llama), 13) << name;
  }
  EXPECT_EQ(layer_of("Mistral-Nemo-Instruct-2407", shaped(40, 5120, 14336, 32, 8, 131072)), 19);
  EXPECT_EQ(layer_of("microsoft/Phi-3.5-mini-instruct", shaped(32, 3072, 8192, 32, 32, 32064)), 19);
  EXPECT_EQ(layer_of("Qwen2.5 Coder 1.5B Instruct", shaped(28, 1536, 8960, 12, 2, 151936)), 12);
}

TEST(KnownProfile, SomeWereMeasuredHeadByHead) {
  const ModelConfig config = shaped(24, 896, 4864, 14, 2, 151936);
  const auto known = known_profile("Qwen2.5 Coder 0.5B Instruct", config);
  ASSERT_TRUE(known.has_value());
  check_profile(known->profile, config, "what is built in");
  EXPECT_EQ(describe(known->profile),
            "heads 11/1 13/13 (z-score), best of 16 queries, window 1024 + 4 sinks, sentences kept whole");
  EXPECT_EQ(known->profile.pool_width, 1);
}

TEST(KnownProfile, ModelsOfOneShapeAreToldApartByName) {
  const ModelConfig qwen = shaped(28, 3584, 18944, 28, 4, 152064);
  EXPECT_EQ(layer_of("Qwen2-7B-Instruct", qwen), 19);
  EXPECT_EQ(layer_of("Qwen2.5-7B-Instruct", qwen), 16);
  EXPECT_EQ(layer_of("Qwen2.5-Coder-7B", qwen), -1) << "nobody published one";
  const ModelConfig mistral = shaped(32, 4096, 14336, 32, 8, 32000);
  EXPECT_EQ(layer_of("Mistral-7B-Instruct-v0.2", mistral), 18);
  EXPECT_EQ(layer_of("Mistral-7B-Instruct-v0.1", mistral), -1);
}

TEST(KnownProfile, ANameWithAnotherShapeIsAnotherModel) {
  EXPECT_EQ(layer_of("Llama-3.1-8B", shaped(16, 4096, 14336, 32, 8, 128256)), -1) << "a pruned one";
  EXPECT_EQ(layer_of("model", shaped(32, 4096, 14336, 32, 8, 128256)), -1) << "Llama-3-8B has this shape too";
  EXPECT_EQ(layer_of("", shaped(32, 4096, 14336, 32, 8, 128256)), -1);
}

}  // namespace
}  // namespace gemring

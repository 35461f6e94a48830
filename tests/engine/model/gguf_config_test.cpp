#include "engine/model/gguf_config.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"
#include "engine/model/model_files.h"
#include "tests/engine/model/memory_tensors.h"
#include "tests/support/gguf.h"

namespace gemring {
namespace {

using test::bytes_of;
using test::contains;
using test::error_of;
using test::GgufBuilder;
using test::TemporaryDirectory;
using test::windows;

/// The pairs and the one tensor that a config is read from: 2 layers of 4 heads of 4, vocabulary of 5.
GgufBuilder smallest(const std::string& architecture = "llama") {
  GgufBuilder file;
  file.text("general.architecture", architecture)
      .count(architecture + ".block_count", 2)
      .count(architecture + ".embedding_length", 16)
      .count(architecture + ".attention.head_count", 4)
      .count(architecture + ".feed_forward_length", 24)
      .count(architecture + ".context_length", 64)
      .tensor("token_embd.weight", {16, 5}, 0, std::string(5 * 16 * 4, '\0'));
  return file;
}

ModelConfig load(const GgufBuilder& file) {
  const TemporaryDirectory directory;
  return open_model_files(directory.write("model.gguf", file.build())).config;
}

std::string problem(const GgufBuilder& file) {
  try {
    load(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string floats(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) bytes += bytes_of(value);
  return bytes;
}

TEST(GgufConfig, TheSmallestFileHasTheDefaults) {
  const ModelConfig model = load(smallest());
  EXPECT_EQ(model.family, "llama");
  EXPECT_EQ(model.naming, TensorNaming::gguf);
  EXPECT_EQ(model.layer_count(), 2);
  EXPECT_EQ(model.kv_heads, 4);
  EXPECT_EQ(model.head_dim, 4);
  EXPECT_EQ(model.vocab, 5);
  EXPECT_EQ(model.max_positions, 64);
  EXPECT_TRUE(model.tied_embeddings);  // no output.weight
  EXPECT_EQ(model.ropes.front().theta, 10000);
  EXPECT_EQ(model.ropes.front().pairs, RopeConfig::Pairs::interleaved);
  EXPECT_EQ(load(smallest("qwen2")).ropes.front().pairs, RopeConfig::Pairs::half_split);
}

TEST(GgufConfig, TensorsTellBiasesAndTheOutput) {
  GgufBuilder file = smallest();
  file.tensor("output.weight", {16, 5}, 0, std::string(5 * 16 * 4, '\0'))
      .tensor("blk.0.attn_q.bias", {16}, 0, std::string(16 * 4, '\0'));
  const ModelConfig model = load(file);
  EXPECT_FALSE(model.tied_embeddings);
  EXPECT_TRUE(model.layers[0].qkv_bias);
  EXPECT_FALSE(model.layers[0].o_bias);
  EXPECT_TRUE(load(smallest("qwen2")).layers[1].qkv_bias);
  EXPECT_TRUE(load(smallest("qwen3")).layers[1].qk_norm);
}

TEST(GgufConfig, EndTokensAreThoseOfTheTokenizer) {
  GgufBuilder file = smallest();
  file.count("tokenizer.ggml.eos_token_id", 2).count("tokenizer.ggml.eot_token_id", 4);
  EXPECT_EQ(load(file).end_tokens, (std::vector<TokenId>{TokenId(2), TokenId(4)}));
  file.texts("tokenizer.ggml.tokens", {"a", "<|endoftext|>", "b", "<|fim_pad|>", "c"});
  EXPECT_EQ(load(file).end_tokens, (std::vector<TokenId>{TokenId(2), TokenId(4), TokenId(1), TokenId(3)}))
      << "and what its vocabulary names so";
}

TEST(GgufConfig, RopeScalings) {
  GgufBuilder freqs = smallest();
  freqs.tensor("rope_freqs.weight", {2}, 0, floats({1, 8}));
  EXPECT_EQ(load(freqs).ropes.front().divisors, (std::vector<float>{1, 8}));

  GgufBuilder linear = smallest();
  linear.text("llama.rope.scaling.type", "linear").pair("llama.rope.scaling.factor", test::kF32, floats({4}));
  EXPECT_EQ(load(linear).ropes.front().kind, RopeConfig::Kind::linear);
  EXPECT_EQ(load(linear).max_positions, 256);

  GgufBuilder yarn = smallest();
  yarn.text("llama.rope.scaling.type", "yarn")
      .pair("llama.rope.scaling.factor", test::kF32, floats({4}))
      .count("llama.rope.scaling.original_context_length", 16);
  EXPECT_EQ(load(yarn).ropes.front().kind, RopeConfig::Kind::yarn);
  EXPECT_NEAR(load(yarn).ropes.front().attention_factor, 1.138629, 1e-6);
  EXPECT_EQ(load(yarn).max_positions, 64);

  GgufBuilder longrope = smallest("phi3");
  longrope.count("phi3.rope.scaling.original_context_length", 16)
      .tensor("rope_factors_short.weight", {2}, 0, floats({1, 1.5f}))
      .tensor("rope_factors_long.weight", {2}, 0, floats({2, 30}));
  const RopeConfig rope = load(longrope).ropes.front();
  EXPECT_EQ(rope.long_divisors, (std::vector<float>{2, 30}));
  EXPECT_EQ(rope.original_max_positions, 16);
  EXPECT_NEAR(rope.attention_factor, std::sqrt(1.5), 1e-6);  // sqrt(1 + ln 4 / ln 16)
}

TEST(GgufConfig, AFactorWithoutATypeIsLinear) {
  for (const char* key : {"llama.rope.scaling.factor", "llama.rope.scale_linear"}) {
    GgufBuilder file = smallest();
    const ModelConfig model = load(file.pair(key, test::kF32, floats({4})));
    EXPECT_EQ(model.ropes.front().kind, RopeConfig::Kind::linear) << key;
    EXPECT_EQ(model.ropes.front().factor, 4) << key;
    EXPECT_EQ(model.max_positions, 256) << key;
  }
  GgufBuilder both = smallest();
  both.pair("llama.rope.scaling.factor", test::kF32, floats({4}))
      .pair("llama.rope.scale_linear", test::kF32, floats({2}));
  EXPECT_EQ(load(both).ropes.front().factor, 4);
  GgufBuilder none = smallest();
  none.pair("llama.rope.scaling.factor", test::kF32, floats({4})).text("llama.rope.scaling.type", "none");
  EXPECT_EQ(load(none).ropes.front().kind, RopeConfig::Kind::plain);
}

TEST(GgufConfig, ScalingBesideRopeFreqsIsAppliedOrRefused) {
  const auto freqs = [] {
    GgufBuilder file = smallest();
    file.tensor("rope_freqs.weight", {2}, 0, floats({1, 8})).pair("llama.rope.scaling.factor", test::kF32, floats({4}));
    return file;
  };
  EXPECT_EQ(load(freqs()).ropes.front().divisors, (std::vector<float>{4, 32}));
  EXPECT_EQ(load(freqs().text("llama.rope.scaling.type", "linear")).ropes.front().divisors,
            (std::vector<float>{4, 32}));
  EXPECT_EQ(load(freqs().text("llama.rope.scaling.type", "none")).ropes.front().divisors, (std::vector<float>{1, 8}));
  EXPECT_TRUE(contains(problem(freqs().text("llama.rope.scaling.type", "yarn")), "type yarn beside rope_freqs.weight"));
}

TEST(GgufConfig, FiguresOfScalingsThatAreNotComputedAreRefused) {
  const auto with = [](const char* type, const char* key, float value) {
    GgufBuilder file = smallest();
    file.text("llama.rope.scaling.type", type)
        .pair("llama.rope.scaling.factor", test::kF32, floats({4}))
        .pair(std::string("llama.rope.scaling.") + key, test::kF32, floats({value}));
    return problem(file);
  };
  EXPECT_TRUE(contains(with("yarn", "yarn_log_multiplier", 0.1f), "yarn_log_multiplier of 0.1"));
  EXPECT_TRUE(contains(with("yarn", "yarn_ext_factor", 0.5f), "yarn_ext_factor of 0.5"));
  EXPECT_TRUE(contains(with("linear", "yarn_attn_factor", 0.5f), "yarn_attn_factor of 0.5"));
  EXPECT_TRUE(contains(with("linear", "attn_factor", 0.5f), "attn_factor of 0.5 is not supported"));
  EXPECT_EQ(with("yarn", "attn_factor", 0.5f), "no error");
  EXPECT_EQ(with("yarn", "yarn_ext_factor", 1), "no error");
  EXPECT_EQ(with("linear", "attn_factor", 1), "no error");
  GgufBuilder longrope = smallest("phi3");
  longrope.pair("phi3.rope.scaling.factor", test::kF32, floats({4}))
      .tensor("rope_factors_short.weight", {2}, 0, floats({1, 1.5f}))
      .tensor("rope_factors_long.weight", {2}, 0, floats({2, 30}));
  EXPECT_TRUE(contains(problem(longrope), "beside longrope"));
}

TEST(GgufConfig, ANumberPerLayerIsThatNumberWhereAllAreEqual) {
  const auto file = [](const char* key, const std::vector<std::int32_t>& values) {
    GgufBuilder made;
    made.text("general.architecture", "llama").count("llama.block_count", 2).count("llama.embedding_length", 16);
    for (const char* other : {"attention.head_count", "attention.head_count_kv", "feed_forward_length"}) {
      const std::string full = std::string("llama.") + other;
      if (other != std::string(key)) made.count(full, 4);
      if (other == std::string(key)) made.numbers(full, test::kI32, values);
    }
    return made.count("llama.context_length", 64)
        .tensor("token_embd.weight", {16, 5}, 0, std::string(5 * 16 * 4, '\0'));
  };
  for (const char* key : {"attention.head_count", "attention.head_count_kv", "feed_forward_length"}) {
    EXPECT_EQ(problem(file(key, {4, 4})), "no error") << key;
    EXPECT_TRUE(contains(problem(file(key, {4, 2})), "differs from layer to layer")) << key;
    EXPECT_TRUE(contains(problem(file(key, {4})), "has 1 numbers for 2 layers")) << key;
    EXPECT_TRUE(contains(problem(file(key, {})), "has 0 numbers for 2 layers")) << key;
    EXPECT_TRUE(contains(problem(file(key, {0, 0})), "is 0; 1 to")) << key;
  }
  EXPECT_EQ(load(file("attention.head_count_kv", {2, 2})).kv_heads, 2);
}

TEST(GgufConfig, ASlidingWindowIsOfEveryLayer) {
  GgufBuilder file = smallest("phi3");
  file.count("phi3.attention.sliding_window", 20);
  EXPECT_EQ(windows(load(file)), (std::vector<std::int32_t>{20, 20}));
  GgufBuilder beyond = smallest("phi3");
  beyond.count("phi3.attention.sliding_window", 64);
  EXPECT_EQ(windows(load(beyond)), std::vector<std::int32_t>(2, kNoWindow));
}

TEST(GgufConfig, WhatIsNotSupportedIsNamed) {
  EXPECT_TRUE(
      contains(problem(smallest("mamba")), "architecture mamba is not supported; known: llama, phi3, qwen2, qwen3"));
  EXPECT_TRUE(contains(problem(GgufBuilder()), "general.architecture is missing"));
  EXPECT_TRUE(contains(problem(smallest().count("llama.expert_count", 8)), "mixtures of experts"));
  EXPECT_TRUE(contains(problem(smallest().count("llama.rope.dimension_count", 2)), "rope.dimension_count"));
  EXPECT_TRUE(contains(problem(smallest().count("llama.attention.value_length", 8)), "attention.value_length"));
  EXPECT_TRUE(contains(problem(smallest()
                                   .text("llama.rope.scaling.type", "wild")
                                   .pair("llama.rope.scaling.factor", test::kF32, floats({4}))),
                       "rope scaling of type wild"));
  EXPECT_TRUE(contains(problem(smallest("qwen3").count("qwen3.attention.sliding_window", 20)), "sliding_window of 20"));
}

TEST(GgufConfig, ImpossibleFiguresAreRefused) {
  EXPECT_TRUE(contains(problem(smallest().pair("llama.rope.freq_base", test::kF64, bytes_of(1e-300))), "beyond f32"));
  EXPECT_TRUE(contains(problem(smallest("phi3").count("phi3.attention.head_count_kv", 3)), "must divide"));
  EXPECT_TRUE(contains(problem(smallest().count("llama.attention.head_count_kv", 0)), "head_count_kv is 0"));
  EXPECT_TRUE(contains(problem(smallest().tensor("rope_freqs.weight", {3}, 0, floats({1, 2, 3}))), "half of a head"));
  EXPECT_TRUE(contains(problem(smallest().tensor("rope_freqs.weight", {2}, 0, floats({1, 0}))), "not above 0"));
  GgufBuilder headless;
  headless.text("general.architecture", "llama");
  EXPECT_TRUE(contains(problem(headless), "llama.block_count is missing"));
}

}  // namespace
}  // namespace gemring

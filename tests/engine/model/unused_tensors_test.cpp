#include "engine/model/unused_tensors.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/model/family.h"
#include "engine/model/weights.h"
#include "tests/engine/model/memory_tensors.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::MemoryTensors;

constexpr bool kNextToken = true, kNone = false;

ModelConfig config_of(TensorNaming naming) {
  ModelConfig config = test::tiny_config();  // three layers
  config.naming = naming;
  return config;
}

std::string refusal(const ModelConfig& config, const std::string& name) {
  MemoryTensors tensors(config, DataType::f32);
  tensors.add(name, {2}, DataType::f32, {1, 2});
  return error_of<ModelFileError>([&] { check_tensors(tensors, config); });
}

TEST(UnusedTensors, WhatTheDecoderWouldComputeWithIsRefusedByName) {
  for (const std::string name :
       {"model.layers.1.self_attn.q_norm.weight", "model.layers.0.self_attn.k_norm.weight",
        "model.layers.2.pre_feedforward_layernorm.weight", "model.layers.0.self_attn.q_proj.bias",
        "model.layers.2.mlp.down_proj.bias", "model.layers.1.input_layernorm.bias", "model.norm.bias", "lm_head.bias",
        "model.layers.1.self_attn.sinks", "model.layers.0.mlp.gate.weight",
        "model.layers.0.mlp.experts.0.up_proj.weight", "model.embed_positions.weight",
        "model.layers.0.self_attn.q_proj.weight_scale", "model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight", "lora_embedding_A",
        "model.layers.3.self_attn.q_proj.weight", "model.layers.17.input_layernorm.weight"}) {
    const std::string error = refusal(config_of(TensorNaming::hugging_face), name);
    EXPECT_TRUE(contains(error, "tensor " + name + " would not be used")) << name << ": " << error;
  }
  for (const std::string name :
       {"blk.1.attn_q_norm.weight", "blk.0.attn_k_norm.weight", "blk.2.post_attention_norm.weight", "blk.0.attn_q.bias",
        "blk.2.attn_output.bias", "blk.1.ffn_down.bias", "blk.0.attn_norm.bias", "output_norm.bias", "output.bias",
        "token_embd_norm.weight", "position_embd.weight", "blk.0.attn_q.scale", "blk.1.ffn_gate_exps.weight",
        "blk.1.attn_sinks.weight", "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b", "blk.3.attn_q.weight",
        "blk.40.ffn_norm.weight"}) {
    const std::string error = refusal(config_of(TensorNaming::gguf), name);
    EXPECT_TRUE(contains(error, "tensor " + name + " would not be used")) << name << ": " << error;
  }
}

TEST(UnusedTensors, TheReasonIsSaid) {
  const ModelConfig config = config_of(TensorNaming::hugging_face);
  EXPECT_TRUE(contains(refusal(config, "model.layers.3.mlp.up_proj.weight"), "the config has the layers 0..2 only"));
  EXPECT_TRUE(contains(refusal(config, "x.lora_A.weight"), "adapters are not applied"));
  EXPECT_TRUE(contains(refusal(config, "model.layers.0.self_attn.q_norm.weight"), "family llama with this config"));
  MemoryTensors several(config, DataType::f32);
  for (const char* name : {"model.layers.0.self_attn.q_norm.weight", "model.layers.1.self_attn.q_norm.weight"}) {
    several.add(name, {2}, DataType::f32, {1, 2});
  }
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { check_tensors(several, config); }), "q_norm.weight and 1 more"));
}

TEST(UnusedTensors, EachFamilysOwnTensorsAreUsedAndThoseOfOthersRefused) {
  for (const TensorNaming naming : {TensorNaming::hugging_face, TensorNaming::gguf}) {
    ModelConfig config = config_of(naming);
    EXPECT_NO_THROW(check_tensors(MemoryTensors(config, DataType::f32), config));
    ModelConfig fewer = config;
    fewer.layers.pop_back();
    const std::string beyond =
        error_of<ModelFileError>([&] { check_tensors(MemoryTensors(config, DataType::f32), fewer); });
    EXPECT_TRUE(contains(beyond, "the config has the layers 0..1 only")) << beyond;
    ModelConfig biased = config;
    biased.layers.back().qkv_bias = true;
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { check_tensors(MemoryTensors(biased, DataType::f32), config); }),
                         "would not be used"));
    ModelConfig normed = config;
    normed.layers.front().qk_norm = true;
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { check_tensors(MemoryTensors(normed, DataType::f32), config); }),
                         "would not be used"));
  }
}

TEST(UnusedTensors, WhatTheModelComputesItselfPasses) {
  const ModelConfig plain = config_of(TensorNaming::hugging_face), gguf = config_of(TensorNaming::gguf);
  for (const char* name : {"model.layers.0.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq",
                           "model.layers.1.self_attn.rotary_emb.cos_cached", "transformer.h.0.attn.masked_bias"}) {
    EXPECT_EQ(kind_of_unused(name, plain, kNone), UnusedTensor::harmless) << name;
    EXPECT_EQ(refusal(plain, name), "no error");
  }
  for (const char* name : {"rope_freqs.weight", "blk.0.rope_freqs.weight", "blk.1.attn_rot_embd.weight"}) {
    EXPECT_EQ(kind_of_unused(name, gguf, kNone), UnusedTensor::harmless) << name;
  }
  ModelConfig tied = plain;
  tied.tied_embeddings = true;
  EXPECT_EQ(kind_of_unused("lm_head.weight", tied, kNone), UnusedTensor::harmless);
}

TEST(UnusedTensors, AnOutputMatrixOfATiedModelIsWarnedOfUnlessItIsTheEmbedding) {
  ModelConfig config = config_of(TensorNaming::hugging_face);
  config.tied_embeddings = true;
  const std::vector<std::int64_t> shape = {config.vocab, config.hidden};
  const auto said = [&](const std::vector<std::int64_t>& stored_shape, DataType type,
                        const std::vector<float>& values) {
    MemoryTensors tensors(config, DataType::f32);
    tensors.add("lm_head.weight", stored_shape, type, values);
    testing::internal::CaptureStderr();
    check_tensors(tensors, config);
    return testing::internal::GetCapturedStderr();
  };
  const std::vector<float> embedding = MemoryTensors(config, DataType::f32).values("model.embed_tokens.weight");
  EXPECT_EQ(said(shape, DataType::f32, embedding), "");
  std::vector<float> other = embedding;
  other.back() += 1;
  for (const std::string& text : {said(shape, DataType::f32, other), said(shape, DataType::bf16, embedding),
                                  said({config.hidden, config.vocab}, DataType::f32, embedding)}) {
    EXPECT_TRUE(contains(text, "tensor lm_head.weight is not the embedding's and is not used")) << text;
  }
}

TEST(UnusedTensors, WhatLiesBesideTheDecoderIsOnlyWarnedOf) {
  const ModelConfig plain = config_of(TensorNaming::hugging_face), gguf = config_of(TensorNaming::gguf);
  for (const char* name : {"vision_tower.blocks.0.norm1.bias", "visual.merger.ln_q.weight", "model.visual.norm.weight",
                           "multi_modal_projector.linear_1.bias", "score.weight", "v_head.summary.bias",
                           "model.layers.0.self_attn.k_scale", "mtp.layers.0.input_layernorm.weight"}) {
    EXPECT_EQ(kind_of_unused(name, plain, kNone), UnusedTensor::beside) << name;
    EXPECT_EQ(refusal(plain, name), "no error");
  }
  for (const char* name : {"v.blk.0.ln1.bias", "mm.0.weight", "cls.weight"}) {
    EXPECT_EQ(kind_of_unused(name, gguf, kNone), UnusedTensor::beside) << name;
  }
}

TEST(UnusedTensors, LayersThatPredictFurtherTokensAreKnownByTheirParts) {
  const ModelConfig config = config_of(TensorNaming::hugging_face);
  EXPECT_EQ(kind_of_unused("model.layers.3.mlp.up_proj.weight", config, kNextToken), UnusedTensor::beside);
  EXPECT_EQ(kind_of_unused("model.layers.3.mlp.up_proj.weight", config, kNone), UnusedTensor::decisive);
  MemoryTensors tensors(config, DataType::f32);
  for (const char* name : {"model.layers.3.eh_proj.weight", "model.layers.3.input_layernorm.weight"}) {
    tensors.add(name, {2}, DataType::f32, {1, 2});
  }
  EXPECT_NO_THROW(check_tensors(tensors, config));
  tensors.add("model.layers.1.self_attn.q_norm.weight", {2}, DataType::f32, {1, 2});
  EXPECT_THROW(check_tensors(tensors, config), ModelFileError) << "the other layers are as strict as ever";
}

}  // namespace
}  // namespace gemring

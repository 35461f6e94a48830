#include "engine/model/weights.h"

#include <gtest/gtest.h>

#include "engine/model/decoder_layer.h"
#include "tests/engine/model/memory_tensors.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::MemoryTensors;
using test::tiny_config;

constexpr LayerIndex kLayer(1);

std::string layer_error(const MemoryTensors& tensors, LayerPart part = LayerPart::whole) {
  return test::error_of<ModelFileError>([&] { load_layer(tensors, tiny_config(), kLayer, part); });
}

TEST(LoadLayer, ShapesAreThoseOfTheConfig) {
  const MemoryTensors tensors(tiny_config(), DataType::bf16);
  const LayerWeights layer = load_layer(tensors, tiny_config(), kLayer, LayerPart::whole);
  EXPECT_EQ(layer.q.weight.matrix.rows, 60u);  // 6 heads of 10
  EXPECT_EQ(layer.q.weight.matrix.cols, 20u);
  EXPECT_EQ(layer.k.weight.matrix.rows, 20u);
  EXPECT_EQ(layer.o.weight.matrix.rows, 20u);
  EXPECT_EQ(layer.o.weight.matrix.cols, 60u);
  EXPECT_EQ(layer.down.weight.matrix.cols, 28u);
  EXPECT_EQ(layer.gate.weight.matrix.type, DataType::bf16);
  EXPECT_EQ(layer.input_norm, tensors.values("model.layers.1.input_layernorm.weight"));
  EXPECT_EQ(layer.mlp_norm, tensors.values("model.layers.1.post_attention_layernorm.weight"));
}

TEST(LoadLayer, AMissingTensorIsNamed) {
  for (const char* name :
       {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
        "post_attention_layernorm", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}) {
    const std::string full = std::string("model.layers.1.") + name + ".weight";
    MemoryTensors tensors(tiny_config(), DataType::f32);
    tensors.remove(full);
    EXPECT_TRUE(
        contains(layer_error(tensors), "memory: tensor " + full + " is missing | the checkpoint is incomplete"));
  }
}

TEST(LoadLayer, AWrongShapeIsToldBesideTheRightOne) {
  MemoryTensors tensors(tiny_config(), DataType::f32);
  tensors.add("model.layers.1.self_attn.k_proj.weight", {10, 20}, DataType::f32, std::vector<float>(200));
  EXPECT_TRUE(contains(layer_error(tensors),
                       "model.layers.1.self_attn.k_proj.weight has shape [10, 20], the config wants [20, 20]"));
  MemoryTensors transposed(tiny_config(), DataType::f32);
  transposed.add("model.layers.1.mlp.down_proj.weight", {28, 20}, DataType::f32, std::vector<float>(560));
  EXPECT_TRUE(contains(layer_error(transposed), "has shape [28, 20], the config wants [20, 28]"));
  MemoryTensors norm(tiny_config(), DataType::f32);
  norm.add("model.layers.1.input_layernorm.weight", {1, 20}, DataType::f32, std::vector<float>(20));
  EXPECT_TRUE(contains(layer_error(norm), "has shape [1, 20], the config wants [20]"));
}

TEST(LoadLayer, TheFilterLayerNeedsNormQueriesAndKeysOnly) {
  MemoryTensors tensors;
  tensors.add("model.layers.1.input_layernorm.weight", {20}, DataType::f32, std::vector<float>(20, 1));
  tensors.add("model.layers.1.self_attn.q_proj.weight", {60, 20}, DataType::f32, std::vector<float>(1200));
  EXPECT_TRUE(contains(layer_error(tensors, LayerPart::scoring), "self_attn.k_proj.weight is missing"));
  tensors.add("model.layers.1.self_attn.k_proj.weight", {20, 20}, DataType::f32, std::vector<float>(400));
  const LayerWeights layer = load_layer(tensors, tiny_config(), kLayer, LayerPart::scoring);
  EXPECT_EQ(layer.k.weight.matrix.rows, 20u);
  EXPECT_EQ(layer.v.weight.data, nullptr);
}

TEST(Embedding, RowsOfEveryStoredType) {
  for (const DataType type : {DataType::f32, DataType::f16, DataType::bf16}) {
    const MemoryTensors tensors(tiny_config(), type);
    const Embedding embedding(tiny_config(), tensors);
    const std::vector<TokenId> ids = {TokenId(16), TokenId(0), TokenId(16)};
    std::vector<float> x(60);
    embedding.gather(ids, {x.data(), 3, 20});
    const auto& table = tensors.values("model.embed_tokens.weight");
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(x[i], table[16 * 20 + i]) << name(type);
      EXPECT_EQ(x[20 + i], table[i]) << name(type);
      EXPECT_EQ(x[40 + i], table[16 * 20 + i]) << name(type);
    }
  }
}

TEST(Embedding, RowsOfSomePositionsAreThoseOfTheirIds) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const Embedding embedding(tiny_config(), tensors);
  const std::vector<TokenId> ids = {TokenId(3), TokenId(9), TokenId(16), TokenId(1)};
  const std::vector<GlobalPosition> positions = {GlobalPosition(1), GlobalPosition(3)};
  std::vector<float> x(40);
  embedding.gather(ids, positions, {x.data(), 2, 20});
  const auto& table = tensors.values("model.embed_tokens.weight");
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(x[i], table[9 * 20 + i]);
    EXPECT_EQ(x[20 + i], table[1 * 20 + i]);
  }
}

TEST(Embedding, AnIdBeyondTheTableIsABug) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const Embedding embedding(tiny_config(), tensors);
  std::vector<float> x(20);
  for (const int id : {17, -1}) {
    const TokenId token(id);
    EXPECT_THROW(embedding.gather({&token, 1}, {x.data(), 1, 20}), std::logic_error);
  }
}

TEST(OutputHead, AnUntiedHeadNeedsItsOwnMatrix) {
  MemoryTensors tensors(tiny_config(), DataType::f32);
  tensors.remove("lm_head.weight");
  EXPECT_TRUE(contains(test::error_of<ModelFileError>([&] { OutputHead(tiny_config(), tensors, nullptr); }),
                       "lm_head.weight is missing"));
}

}  // namespace
}  // namespace gemring

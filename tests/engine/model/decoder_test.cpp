// Layers, the stack, the filter's scores and the output, against the same decoder in double.
#include <gtest/gtest.h>

#include <numeric>

#include "engine/attention/local_attention.h"
#include "engine/base/check.h"
#include "engine/model/layer_stack.h"
#include "tests/engine/model/plain_decoder.h"

namespace gemring {
namespace {

using test::flat;
using test::largest_difference;
using test::MemoryTensors;
using test::PlainDecoder;
using test::tiny_config;

constexpr double kTolerance = 2e-5;  // of activations of a few units

std::vector<int> some_ids(std::size_t count) {
  std::vector<int> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = static_cast<int>(i * i + 3 * i) % 17;
  return ids;
}

std::vector<float> to_floats(const PlainDecoder::Rows& rows) {
  const auto values = flat(rows);
  return {values.begin(), values.end()};
}

/// What the engine needs for one sequence of `rows` rows at the given positions.
struct Engine {
  Engine(const ModelConfig& config, const MemoryTensors& tensors, const std::vector<int>& at, std::size_t queries = 0)
      : positions(at.begin(), at.end()),
        ropes(config, 1, positions),
        cache({static_cast<std::size_t>(config.kv_heads), static_cast<std::size_t>(config.head_dim), DataType::f32},
              LayerIndex(0), config.layer_count(), at.size()),
        attention(cache, static_cast<std::size_t>(config.heads), at.size()),
        work(config, at.size(), queries == 0 ? at.size() : queries) {
    for (int i = 0; i < config.layer_count(); ++i) {
      const LayerIndex layer(i);
      layers.emplace_back(config, layer,
                          std::make_shared<LayerWeights>(load_layer(tensors, config, layer, LayerPart::whole)));
    }
  }

  StepRows rows(std::size_t begin, std::size_t end) const {
    return {std::span(positions).subspan(begin, end - begin), &ropes, begin};
  }

  std::vector<GlobalPosition> positions;
  RopeTables ropes;
  KvCache cache;
  LocalAttention attention;
  LayerWorkspace work;
  std::vector<DecoderLayer> layers;
};

MatrixView<float> view(std::vector<float>& x) {
  return {x.data(), x.size() / 20, 20};
}

std::vector<int> counted(std::size_t count) {
  std::vector<int> positions(count);
  std::iota(positions.begin(), positions.end(), 0);
  return positions;
}

TEST(DecoderLayer, LikeDoubleInEveryStoredType) {
  for (const DataType type : {DataType::f32, DataType::f16, DataType::bf16}) {
    for (const std::size_t tokens : {1u, 2u, 33u}) {
      const MemoryTensors tensors(tiny_config(), type);
      const PlainDecoder plain(tiny_config(), tensors);
      const auto x = plain.embed(some_ids(tokens));
      Engine engine(tiny_config(), tensors, counted(tokens));
      std::vector<float> got = to_floats(x);
      engine.cache.begin_step(engine.positions);
      engine.layers[1].forward(view(got), engine.rows(0, tokens), tokens, engine.attention, engine.work);
      const auto expected = flat(plain.layer(1, x, counted(tokens)));
      EXPECT_LT(largest_difference(got, expected), kTolerance) << name(type) << ", " << tokens << " tokens";
      EXPECT_GT(largest_difference(flat(x), expected), 0.1) << "the layer seems to do nothing";
    }
  }
}

TEST(DecoderLayer, QueriesInPartsLikeDouble) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const PlainDecoder plain(tiny_config(), tensors);
  const auto x = plain.embed(some_ids(33));
  const auto expected = flat(plain.layer(1, x, counted(33)));
  for (const std::size_t queries : {1u, 16u, 32u, 40u}) {
    Engine engine(tiny_config(), tensors, counted(33), queries);
    std::vector<float> got = to_floats(x);
    engine.cache.begin_step(engine.positions);
    engine.layers[1].forward(view(got), engine.rows(0, 33), 33, engine.attention, engine.work);
    EXPECT_LT(largest_difference(got, expected), kTolerance) << queries << " queries at a time";
    std::vector<float> last = to_floats(x);
    Engine again(tiny_config(), tensors, counted(33), queries);
    again.cache.begin_step(again.positions);
    again.layers[1].forward(view(last), again.rows(0, 33), 20, again.attention, again.work);
    const auto tail = [](const auto& rows) { return std::vector<double>(rows.end() - 20 * 20, rows.end()); };
    EXPECT_LT(largest_difference(tail(last), tail(expected)), kTolerance) << queries << " queries, the last 20 rows";
  }
}

TEST(DecoderLayer, EachPartOfTheQueriesIsTold) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const PlainDecoder plain(tiny_config(), tensors);
  Engine engine(tiny_config(), tensors, counted(33), 16);
  std::vector<float> x = to_floats(plain.embed(some_ids(33)));
  engine.cache.begin_step(engine.positions);
  std::vector<std::size_t> told;
  engine.layers[1].forward(view(x), engine.rows(0, 33), 33, engine.attention, engine.work,
                           [&](std::size_t rows) { told.push_back(rows); });
  EXPECT_EQ(told, (std::vector<std::size_t>{16, 32, 33}));
}

TEST(DecoderLayer, OnlyOneRankCutsItsQueries) {
  EXPECT_EQ(queries_at_once(100, 1), 100u);
  EXPECT_EQ(queries_at_once(5000, 1), 2048u);
  EXPECT_EQ(queries_at_once(5000, 2), 5000u);
}

TEST(DecoderLayer, MoreRowsThanATokenBlock) {
  const std::size_t tokens = kTokenBlock + 37;
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const PlainDecoder plain(tiny_config(), tensors);
  const auto x = plain.embed(some_ids(tokens));
  Engine engine(tiny_config(), tensors, counted(tokens));
  std::vector<float> got = to_floats(x);
  engine.cache.begin_step(engine.positions);
  engine.layers[0].forward(view(got), engine.rows(0, tokens), tokens, engine.attention, engine.work);
  EXPECT_LT(largest_difference(got, flat(plain.layer(0, x, counted(tokens)))), kTolerance);
}

/// The whole stack in double.
PlainDecoder::Rows through_all(const PlainDecoder& plain, PlainDecoder::Rows x, const std::vector<int>& positions) {
  for (int i = 0; i < 3; ++i) x = plain.layer(i, x, positions);
  return x;
}

TEST(LayerStack, AllLayersAtGivenPositions) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const PlainDecoder plain(tiny_config(), tensors);
  const std::vector<int> positions = {0, 1, 5, 6, 100};
  const auto x = plain.embed(some_ids(5));
  Engine engine(tiny_config(), tensors, positions);
  const LayerStack stack(engine.layers);
  EXPECT_EQ(stack.size(), 3);
  std::vector<float> got = to_floats(x);
  std::vector<std::int32_t> calls;
  engine.cache.begin_step(engine.positions);
  stack.forward(view(got), engine.rows(0, 5), 5, engine.attention, engine.work,
                [&](std::int32_t done) { calls.push_back(done); });
  EXPECT_LT(largest_difference(got, flat(through_all(plain, x, positions))), kTolerance);
  EXPECT_EQ(calls, (std::vector<std::int32_t>{1, 2, 3}));
}

/// Three layers of which two have what the bits of `fields` say, each bit by itself in a prefill and in decode.
ModelConfig mixed_config(unsigned fields) {
  ModelConfig config = tiny_config();
  config.ropes.push_back(config.ropes.front());
  config.ropes.back().theta = 7;
  for (const std::size_t i : {0u, 2u}) {
    LayerShape& layer = config.layers[i];
    if (fields & 1u) layer.window = 3;
    if (fields & 2u) layer.rope = 1;
    layer.qkv_bias = fields & 4u;
    layer.o_bias = fields & 8u;
    layer.qk_norm = fields & 16u;
    layer.mlp_bias = fields & 32u;
    if (fields & 64u) layer.query_scale = 1.5f;
  }
  return config;
}

TEST(LayerStack, EveryMixtureOfLayerShapesLikeDouble) {
  for (unsigned fields = 0; fields < 128; ++fields) {
    const ModelConfig config = mixed_config(fields);
    const MemoryTensors tensors(config, DataType::f32);
    const PlainDecoder plain(config, tensors);
    const auto x = plain.embed(some_ids(11));
    const auto expected = flat(through_all(plain, x, counted(11)));
    Engine engine(config, tensors, counted(11));
    const LayerStack stack(engine.layers);
    std::vector<float> got = to_floats(x);
    std::size_t begin = 0;
    for (const std::size_t length : {6u, 4u, 1u}) {
      engine.cache.begin_step(std::span(engine.positions).subspan(begin, length));
      stack.forward(view(got).rows(begin, begin + length), engine.rows(begin, begin + length), length, engine.attention,
                    engine.work);
      begin += length;
    }
    EXPECT_LT(largest_difference(got, expected), 5 * kTolerance) << "fields " << fields << ": " << describe(config);
    if (fields == 0) continue;
    const ModelConfig uniform = mixed_config(0);
    EXPECT_GT(largest_difference(flat(through_all(PlainDecoder(uniform, tensors), x, counted(11))), expected), 1e-3)
        << "field " << fields << " does not matter";
  }
}

TEST(LayerStack, WantedRowsAreTheLastOnes) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const PlainDecoder plain(tiny_config(), tensors);
  const auto x = plain.embed(some_ids(9));
  const auto expected = flat(through_all(plain, x, counted(9)));
  for (const std::size_t wanted : {0u, 1u, 4u, 9u}) {
    Engine engine(tiny_config(), tensors, counted(9));
    std::vector<float> got = to_floats(x);
    engine.cache.begin_step(engine.positions);
    LayerStack(engine.layers).forward(view(got), engine.rows(0, 9), wanted, engine.attention, engine.work);
    const auto skipped = static_cast<std::ptrdiff_t>((9 - wanted) * 20);
    EXPECT_LT(largest_difference(std::vector<float>(got.begin() + skipped, got.end()),
                                 std::vector<double>(expected.begin() + skipped, expected.end())),
              kTolerance)
        << wanted;
    EXPECT_EQ(engine.cache.all(LayerIndex(2)).count, 9u);
  }
}

TEST(LayerStack, ChunksAndSingleTokensEqualOnePass) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const PlainDecoder plain(tiny_config(), tensors);
  const auto x = plain.embed(some_ids(20));
  const auto expected = flat(through_all(plain, x, counted(20)));
  Engine engine(tiny_config(), tensors, counted(20));
  const LayerStack stack(engine.layers);
  std::vector<float> got = to_floats(x);
  std::size_t begin = 0;
  for (const std::size_t length : {13u, 5u, 1u, 1u}) {
    engine.cache.begin_step(std::span(engine.positions).subspan(begin, length));
    stack.forward(view(got).rows(begin, begin + length), engine.rows(begin, begin + length), length, engine.attention,
                  engine.work);
    begin += length;
  }
  EXPECT_LT(largest_difference(got, expected), kTolerance);
}

TEST(LayerStack, MoreWantedRowsThanThereAreIsABug) {
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  Engine engine(tiny_config(), tensors, counted(2));
  std::vector<float> x(40);
  engine.cache.begin_step(engine.positions);
  const LayerStack stack(engine.layers);
  EXPECT_THROW(stack.forward(view(x), engine.rows(0, 2), 3, engine.attention, engine.work), InternalError);
  EXPECT_THROW(stack.forward(view(x), engine.rows(0, 1), 1, engine.attention, engine.work), InternalError);
}

TEST(ScoringLayer, RawProductsOfTheLastQueryWithEveryKey) {
  const std::size_t tokens = kTokenBlock + 9;  // more than one block
  const MemoryTensors tensors(tiny_config(), DataType::f32);
  const PlainDecoder plain(tiny_config(), tensors);
  const auto x = plain.embed(some_ids(tokens));
  const auto k = plain.projected(2, "k", x, counted(tokens));
  const auto q = plain.projected(2, "q", x, counted(tokens)).back();
  std::vector<double> expected(tokens);
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t i = 0; i < 60; ++i) expected[t] += q[i] * k[t][i / 30 * 10 + i % 10];  // 3 heads of 10 a key head
  }
  Engine engine(tiny_config(), tensors, counted(tokens));
  const ScoringLayer scoring(
      tiny_config(), LayerIndex(2),
      std::make_shared<LayerWeights>(load_layer(tensors, tiny_config(), LayerIndex(2), LayerPart::scoring)));
  std::vector<float> rows = to_floats(x);
  std::vector<float> query(60);
  std::vector<float> scores(tokens);
  scoring.query(view(rows).rows(tokens - 1, tokens), engine.rows(tokens - 1, tokens), query, engine.work);
  EXPECT_LT(largest_difference(query, q), kTolerance);
  scoring.score(view(rows), engine.rows(0, tokens), {query.data(), 1, 60}, {scores.data(), 1, tokens}, engine.work);
  EXPECT_LT(largest_difference(scores, expected), 2e-4);
  EXPECT_THROW(scoring.query(view(rows), engine.rows(0, tokens), query, engine.work), InternalError);
}

TEST(ScoringLayer, TurnsByTheRopeOfItsLayer) {
  const ModelConfig config = mixed_config(2 + 4 + 16);
  const MemoryTensors tensors(config, DataType::f32);
  const PlainDecoder plain(config, tensors);
  const auto x = plain.embed(some_ids(9));
  for (const int layer : {1, 2}) {
    Engine engine(config, tensors, counted(9));
    const ScoringLayer scoring(
        config, LayerIndex(layer),
        std::make_shared<LayerWeights>(load_layer(tensors, config, LayerIndex(layer), LayerPart::scoring)));
    std::vector<float> rows = to_floats(x);
    std::vector<float> query(60);
    scoring.query(view(rows).rows(8, 9), engine.rows(8, 9), query, engine.work);
    EXPECT_LT(largest_difference(query, plain.projected(layer, "q", x, counted(9)).back()), kTolerance) << layer;
  }
}

TEST(OutputHead, TiedAndUntied) {
  for (const bool tied : {false, true}) {
    for (const bool shared : {false, true}) {  // with tied embeddings a rank may have the table already
      ModelConfig config = tiny_config();
      config.tied_embeddings = tied;
      const MemoryTensors tensors(config, DataType::bf16);
      const PlainDecoder plain(config, tensors);
      const Embedding embedding(config, tensors);
      const OutputHead head(config, tensors, shared ? &embedding : nullptr);
      LayerWorkspace work(config, 2, 2);
      const auto x = plain.embed({3, 11});
      std::vector<float> rows = to_floats(x);
      std::vector<float> logits(34);
      head.logits(view(rows), {logits.data(), 2, 17}, work);
      EXPECT_LT(largest_difference(logits, flat({plain.logits(x[0]), plain.logits(x[1])})), kTolerance) << tied;
    }
  }
}

}  // namespace
}  // namespace gemring

#include "distributed/ring/pass_q_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/base/check.h"
#include "tests/distributed/ring/whole_sequence.h"

namespace gemring {
namespace {

using test::from_on;
using test::largest_difference;
using test::Sequence;
using test::SequenceShape;

constexpr LayerIndex kNoLayer(-1);

/// A prompt in chunks of these lengths, each one zigzag over all ranks.
class Chunked {
 public:
  Chunked(const SequenceShape& shape, DataType kv_type, const std::vector<std::size_t>& lengths,
          std::int32_t layers = 1)
      : shape_(shape),
        cache_(shape.kv(kv_type), LayerIndex(0), layers, shape.tokens),
        attention_(cache_, world(), shape.heads, *std::max_element(lengths.begin(), lengths.end())) {
    std::size_t begin = 0;
    for (const std::size_t length : lengths) {
      chunks_.emplace_back(test::range(begin, begin + length), world().size());
      begin += length;
    }
    for (int layer = 0; layer < layers; ++layer) {
      sequences_.emplace_back(shape, LayerIndex(layer));
      expected_.push_back(test::whole_sequence(shape, LayerIndex(layer)));
    }
  }

  /// The largest difference from local attention, over all chunks and layers on this rank. In `last_layer` only queries
  /// from `wanted_from` on are asked.
  double difference(LayerIndex last_layer = kNoLayer, GlobalPosition wanted_from = {}) {
    double largest = 0;
    for (const ZigzagShards& chunk : chunks_) {
      const auto own = chunk.positions(world().member());
      cache_.begin_step(own);
      attention_.begin_chunk(chunk, last_layer, wanted_from);
      for (std::size_t layer = 0; layer < sequences_.size(); ++layer) {
        const auto asked = LayerIndex(layer) == last_layer ? from_on(own, wanted_from) : own;
        sequences_[layer].write(attention_, own);
        const auto got = sequences_[layer].attend(attention_, asked);
        largest = std::max(largest, largest_difference(got, test::rows_of(expected_[layer], shape_, asked)));
      }
    }
    return largest;
  }

 private:
  SequenceShape shape_;
  KvCache cache_;
  PassQAttention attention_;
  std::vector<ZigzagShards> chunks_;
  std::vector<Sequence> sequences_;
  std::vector<std::vector<float>> expected_;
};

double difference(const std::vector<std::size_t>& lengths, DataType kv_type = DataType::f32) {
  const SequenceShape shape{.tokens = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0})};
  return Chunked(shape, kv_type, lengths).difference();
}

TEST(PassQAttention, OneChunkOfAnyLengthEqualsLocalAttention) {
  for (const std::size_t n : test::kLengths) EXPECT_LT(difference({n}), test::kExact) << n;
}

TEST(PassQAttention, ChunksAgainstACachedPrefixEqualOnePass) {
  const std::vector<std::vector<std::size_t>> cuts = {
      {40, 40}, {13, 7, 1, 20}, {1, 1, 1, 1, 1}, {3, 50, 2, 1}, {150, 151}};
  for (const auto& lengths : cuts) EXPECT_LT(difference(lengths), test::kExact) << lengths.front();
}

TEST(PassQAttention, ASlidingWindowLooksAcrossChunksAndShards) {
  for (const std::int32_t window : {1, 5, 24}) {
    EXPECT_LT(Chunked({.tokens = 41, .window = window}, DataType::f32, {13, 7, 1, 20}).difference(), test::kExact)
        << window;
  }
}

TEST(PassQAttention, ABf16CacheCostsItsRoundingOnly) {
  EXPECT_LT(difference({13, 50, 1}, DataType::bf16), test::kRounded);
}

TEST(PassQAttention, AnyGroupOfHeads) {
  for (const SequenceShape& shape : {SequenceShape{.tokens = 33, .heads = 4, .kv_heads = 4, .head_dim = 16},
                                     {.tokens = 33, .heads = 12, .kv_heads = 1, .head_dim = 24}}) {
    EXPECT_LT(Chunked(shape, DataType::f32, {20, 13}).difference(), test::kExact) << shape.heads;
  }
}

TEST(PassQAttention, SeveralLayersOneAfterTheOther) {
  EXPECT_LT(Chunked({.tokens = 31}, DataType::f32, {9, 22}, 3).difference(), test::kExact);
}

TEST(PassQAttention, TheLastLayerAsksOnlyForWantedQueries) {
  // 31 positions, wanted from 30, 25 (in the last chunk), 8 and 0 on; 31: nobody asks at all.
  for (const int from : {31, 30, 25, 8, 0}) {
    Chunked chunked({.tokens = 31}, DataType::f32, {9, 22}, 2);
    EXPECT_LT(chunked.difference(LayerIndex(1), GlobalPosition(from)), test::kExact) << from;
  }
}

TEST(PassQAttention, OtherQueriesThanTheChunksAreABug) {
  const SequenceShape shape{.tokens = 8};
  const ZigzagShards shards(test::range(0, 8), world().size());
  const auto own = shards.positions(world().member());
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, 8);
  PassQAttention attention(cache, world(), shape.heads, 8);
  cache.begin_step(own);
  attention.begin_chunk(shards, kNoLayer, GlobalPosition(0));
  const Sequence sequence(shape, LayerIndex(0));
  sequence.write(attention, own);
  EXPECT_THROW(sequence.attend(attention, std::span(own).subspan(1)), InternalError);
}

}  // namespace
}  // namespace gemring

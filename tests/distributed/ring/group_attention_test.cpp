#include "distributed/ring/group_attention.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "tests/distributed/ring/whole_sequence.h"
#include "tests/engine/kernels/use_compute.h"

namespace gemring {
namespace {

using test::from_on;
using test::largest_difference;
using test::Sequence;
using test::SequenceShape;

using Lengths = std::vector<std::size_t>;

/// Chunks of these lengths, each one shared as zigzag shards; `shares`: of the members, empty for equal ones.
std::vector<ZigzagShards> shards_of(const Lengths& lengths, const Shares& shares = {}) {
  std::vector<ZigzagShards> chunks;
  for (std::size_t begin = 0; const std::size_t length : lengths) {
    const PositionRange range = test::range(begin, begin + length);
    if (shares.empty())
      chunks.emplace_back(range, world().size());
    else
      chunks.emplace_back(range, shares);
    begin += length;
  }
  return chunks;
}

struct Types {
  DataType kv = DataType::f32;
  DataType message = DataType::f32;
};

/// A prompt in chunks through one variant, on all ranks.
class Chunked {
 public:
  Chunked(const SequenceShape& shape, std::vector<ZigzagShards> chunks, const Types& types,
          std::optional<RingVariant> variant, std::int32_t layers = 1, LastLayer last = {})
      : shape_(shape),
        chunks_(std::move(chunks)),
        last_(last),
        cache_(shape.kv(types.kv), LayerIndex(0), layers, shape.tokens),
        attention_(cache_, world(), chunks_, shape.heads, last,
                   RingOptions{.variant = variant, .message_type = types.message}) {
    for (int layer = 0; layer < layers; ++layer) {
      sequences_.emplace_back(shape, LayerIndex(layer));
      expected_.push_back(test::whole_sequence(shape, LayerIndex(layer)));
    }
  }

  /// The largest difference from local attention in f32, over all chunks and layers on this rank.
  double difference() {
    double largest = 0;
    run([&](std::size_t layer, const std::vector<float>& got, const std::vector<GlobalPosition>& asked) {
      largest = test::larger(largest, largest_difference(got, test::rows_of(expected_[layer], shape_, asked)));
    });
    return largest;
  }

  /// use(layer, attention of these positions, positions) for each chunk.
  template <class Use>
  void run(Use use) {
    for (std::size_t c = 0; c < chunks_.size(); ++c) {
      const auto own = chunks_[c].positions(world().member());
      cache_.begin_step(own);
      attention_.begin_chunk(c);
      for (std::size_t layer = 0; layer < sequences_.size(); ++layer) {
        const auto asked = LayerIndex(layer) == last_.layer ? from_on(own, last_.wanted_from) : own;
        sequences_[layer].write(attention_, own);
        use(layer, sequences_[layer].attend(attention_, asked), asked);
      }
    }
  }

 private:
  SequenceShape shape_;
  std::vector<ZigzagShards> chunks_;
  LastLayer last_;
  KvCache cache_;
  GroupAttention attention_;
  std::vector<Sequence> sequences_;
  std::vector<std::vector<float>> expected_;
};

std::size_t sum(const Lengths& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
}

/// Of all that can be combined: what the largest difference from one rank in f32 is asked of.
struct Combination {
  Types types;
  ComputeType products = ComputeType::f32;
  std::int32_t window = kNoWindow;
  Lengths lengths;

  std::string text() const {
    return fmt::format("{} cache, {} messages, products of {}, window {}, {} tokens in {} chunks", name(types.kv),
                       name(types.message), name(products), window, sum(lengths), lengths.size());
  }
};

std::vector<Combination> combinations() {
  std::vector<ComputeType> products = {ComputeType::f32};
  if (kernels().attention_tile_bf16 != nullptr) products.push_back(ComputeType::bf16);
  std::vector<Combination> all;
  for (const DataType kv : {DataType::f32, DataType::bf16}) {
    for (const DataType message : {DataType::f32, DataType::bf16, DataType::q8_0}) {
      for (const ComputeType product : products) {
        for (const std::int32_t window : {kNoWindow, 24}) {
          for (const Lengths& lengths : {Lengths{1}, {5}, {64, 3}, {301}})
            all.push_back({{kv, message}, product, window, lengths});
        }
      }
    }
  }
  return all;
}

class GroupAttentionBy : public testing::TestWithParam<RingVariant> {
 protected:
  double difference(const Lengths& lengths, const Types& types = {}, SequenceShape shape = {}) {
    shape.tokens = sum(lengths);
    return Chunked(shape, shards_of(lengths), types, GetParam()).difference();
  }
};

TEST_P(GroupAttentionBy, OneChunkOfAnyLengthEqualsLocalAttention) {
  for (const std::size_t n : test::kLengths) EXPECT_LT(difference({n}), test::kExact) << n;
}

TEST_P(GroupAttentionBy, ChunksAgainstACachedPrefixEqualOnePass) {
  for (const Lengths& lengths : {Lengths{40, 40}, {13, 7, 1, 20}, {1, 1, 1, 1, 1}, {3, 50, 2, 1}, {150, 151}})
    EXPECT_LT(difference(lengths), test::kExact) << lengths.front();
}

TEST_P(GroupAttentionBy, AnyGroupOfHeads) {
  for (const SequenceShape& shape : {SequenceShape{.heads = 1, .kv_heads = 1, .head_dim = 2},
                                     {.heads = 4, .kv_heads = 4, .head_dim = 16},
                                     {.heads = 12, .kv_heads = 1, .head_dim = 24},
                                     {.heads = 9, .kv_heads = 3, .head_dim = 80}})
    EXPECT_LT(difference({20, 17}, {}, shape), test::kExact) << shape.heads;
}

TEST_P(GroupAttentionBy, ASlidingWindowLooksAcrossChunksAndShards) {
  for (const std::int32_t window : {1, 5, 24, 200}) {
    for (const Lengths& lengths : {Lengths{1}, {3}, {64}, {301}, {13, 7, 1, 20}})
      EXPECT_LT(difference(lengths, {}, {.window = window}), test::kExact) << lengths.front() << ", window " << window;
  }
}

TEST_P(GroupAttentionBy, UnevenSharesAreTheSameAttention) {
  const Shares shares = {4, 12, 1, 8};
  const Shares own(shares.begin(), shares.begin() + world().size());
  for (const Lengths& lengths : {Lengths{2}, {37}, {20, 31}}) {
    Chunked chunked({.tokens = sum(lengths)}, shards_of(lengths, own), {}, GetParam());
    EXPECT_LT(chunked.difference(), test::kExact) << lengths.front();
  }
}

TEST_P(GroupAttentionBy, NarrowTypesCostTheirRoundingOnly) {
  for (const Combination& combination : combinations()) {
    const SequenceShape shape{.heads = 8, .kv_heads = 2, .head_dim = 16, .window = combination.window};
    const test::UseCompute use({.many = combination.products});
    EXPECT_LT(difference(combination.lengths, combination.types, shape), test::kRounded) << combination.text();
  }
}

TEST_P(GroupAttentionBy, ScoresOfAnySizeCostTheRoundingOfQueriesAndKeysOnly) {
  // Scores up to 2^100 apart, which makes what is rounded of queries and keys count 20 times as much.
  for (const Combination& combination : combinations()) {
    const SequenceShape shape{
        .heads = 8, .kv_heads = 2, .head_dim = 16, .window = combination.window, .query_scale = 40};
    const test::UseCompute use({.many = combination.products});
    EXPECT_LT(difference(combination.lengths, combination.types, shape), 20 * test::kRounded) << combination.text();
  }
}

TEST_P(GroupAttentionBy, SeveralLayersOneAfterTheOther) {
  EXPECT_LT(Chunked({.tokens = 31}, shards_of({9, 22}), {}, GetParam(), 3).difference(), test::kExact);
}

TEST_P(GroupAttentionBy, TheLastLayerAsksOnlyForWantedQueries) {
  // 31 positions, wanted from 30, 25 (in the last chunk), 8 and 0 on; 31: nobody asks at all.
  for (const int from : {31, 30, 25, 8, 0}) {
    Chunked chunked({.tokens = 31}, shards_of({9, 22}), {}, GetParam(), 2, {LayerIndex(1), GlobalPosition(from)});
    EXPECT_LT(chunked.difference(), test::kExact) << from;
  }
}

TEST_P(GroupAttentionBy, MembersSendWhatThePlanCounts) {
  const SequenceShape shape{.tokens = 24, .heads = 8, .kv_heads = 2, .head_dim = 16};
  for (const DataType message : {DataType::f32, DataType::bf16, DataType::q8_0}) {
    RingWork work{.queries = {}, .keys = {}, .heads = 8, .kv_heads = 2, .head_dim = 16};
    const auto chunks = shards_of({24});
    for (int member = 0; member < world().size(); ++member) work.queries.push_back(chunks.front().size(member));
    work.keys = work.queries;
    const RingTypes types = ring_types(DataType::f32, message);
    work.kv_type = types.keys;
    work.query_type = types.queries;
    work.state_type = types.outputs;
    const double before = static_cast<double>(world().totals().bytes_sent);
    Chunked(shape, chunks, {DataType::f32, message}, GetParam()).difference();
    const double sent = static_cast<double>(world().totals().bytes_sent) - before;
    EXPECT_EQ(sent, ring_cost(GetParam(), work, {}).bytes_sent[static_cast<std::size_t>(world().member())])
        << name(message);
  }
}

std::string test_name(const testing::TestParamInfo<RingVariant>& info) {
  std::string text(name(info.param));
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}
INSTANTIATE_TEST_SUITE_P(Variants, GroupAttentionBy, testing::ValuesIn(kRingVariants), test_name);

TEST(AllGather, GivesTheBitsOfOneRank) {
  const SequenceShape shape{.tokens = 301, .heads = 8, .kv_heads = 2, .head_dim = 16};
  const auto expected = test::whole_sequence(shape, LayerIndex(0));
  Chunked chunked(shape, shards_of({200, 101}), {}, RingVariant::all_gather);
  chunked.run([&](std::size_t, const std::vector<float>& got, const std::vector<GlobalPosition>& asked) {
    EXPECT_TRUE(got == test::rows_of(expected, shape, asked));
  });
}

TEST(PassKv, AnF32CacheSeesItsOwnKeysUnrounded) {
  // Positions before every other member's first one meet local keys only: exact whatever the messages are.
  const SequenceShape shape{.tokens = 24};
  const auto expected = test::whole_sequence(shape, LayerIndex(0));
  Chunked chunked(shape, shards_of({24}), {DataType::f32, DataType::bf16}, RingVariant::pass_kv);
  chunked.run([&](std::size_t, const std::vector<float>& got, const std::vector<GlobalPosition>&) {
    if (world().member() != 0) return;
    const std::size_t first_part = 24u / (2 * static_cast<std::size_t>(world().size()));
    const std::size_t elements = first_part * shape.heads * shape.head_dim;
    EXPECT_LT(largest_difference(std::span(got).first(elements), std::span(expected).first(elements)), test::kExact);
  });
}

TEST(GroupAttention, OtherQueriesThanTheChunksAreABug) {
  const SequenceShape shape{.tokens = 8};
  const auto chunks = shards_of({8});
  const auto own = chunks.front().positions(world().member());
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, 8);
  GroupAttention attention(cache, world(), chunks, shape.heads, {}, {});
  cache.begin_step(own);
  attention.begin_chunk(0);
  const Sequence sequence(shape, LayerIndex(0));
  sequence.write(attention, own);
  EXPECT_THROW(sequence.attend(attention, std::span(own).subspan(1)), InternalError);
}

TEST(GroupAttention, EightBitsOfRowsThatAreNoWholeBlocksAreRefused) {
  const SequenceShape shape{.tokens = 8, .heads = 6, .kv_heads = 2, .head_dim = 10};
  const auto chunks = shards_of({8});
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, 8);
  RingOptions options;
  options.message_type = DataType::q8_0;
  EXPECT_THROW(GroupAttention(cache, world(), chunks, shape.heads, {}, options), ConfigError);
}

}  // namespace
}  // namespace gemring

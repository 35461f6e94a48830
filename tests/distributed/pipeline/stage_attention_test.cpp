#include "distributed/pipeline/stage_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/attention_steps.h"
#include "tests/support/mpi_world.h"
#include "tests/support/plain_attention.h"

namespace gemring {
namespace {

using test::Sequence;
using test::SequenceShape;

/// A prompt in chunks, then tokens one by one, as a stage runs them; the result of every step against double.
double largest_difference(const std::vector<std::size_t>& lengths, std::size_t new_tokens) {
  const std::size_t prompt = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
  const SequenceShape shape{.tokens = prompt + new_tokens};
  const Sequence sequence(shape, LayerIndex(0));
  const auto plain = test::plain_attention(sequence.q(), sequence.k(), sequence.v(), test::causal(shape.tokens));
  const std::vector<float> whole(plain.begin(), plain.end());
  std::vector<ZigzagShards> chunks;
  for (std::size_t begin = 0; const std::size_t length : lengths) {
    chunks.push_back({{GlobalPosition(begin), GlobalPosition(begin + length)}, world().size()});
    begin += length;
  }
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, shape.tokens);
  StageAttention stage(cache, world(), chunks, {.heads = shape.heads, .decodes = new_tokens > 0});
  double largest = 0;
  const auto run = [&](Attention& attention, const std::vector<GlobalPosition>& own) {
    sequence.write(attention, own);
    const auto expected = Sequence::rows({whole.data(), shape.tokens, shape.heads, shape.head_dim}, own);
    largest = test::larger(largest, test::largest_difference(sequence.attend(attention, own), expected));
  };
  for (std::size_t c = 0; c < chunks.size(); ++c) run(stage.begin_chunk(c), chunks[c].positions(world().member()));
  for (std::size_t at = prompt; at < shape.tokens; ++at) {
    run(stage.begin_token(GlobalPosition(at)), test::positions_from(at, world().member() == 0 ? at + 1 : at));
  }
  return largest;
}

TEST(StageAttention, ChunksThenTokensEqualOnePass) {
  const std::vector<std::vector<std::size_t>> cuts = {{1}, {5}, {40}, {20, 20, 7}, {1, 1, 1}, {130, 3}};
  for (const auto& lengths : cuts) EXPECT_LT(largest_difference(lengths, 6), 3e-6) << lengths.front();
}

TEST(StageAttention, APrefillAloneNeedsNoDecode) {
  EXPECT_LT(largest_difference({20, 7}, 0), 3e-6);
}

TEST(StageAttention, OneRankIsLocalAndSeveralShareChunksAndStripeTokens) {
  const SequenceShape shape{.tokens = 25};
  const std::vector<ZigzagShards> chunks = {{{GlobalPosition(0), GlobalPosition(16)}, world().size()},
                                            {{GlobalPosition(16), GlobalPosition(24)}, world().size()}};
  KvCache cache(shape.kv(DataType::f32), LayerIndex(0), 1, shape.tokens);
  StageAttention stage(cache, world(), chunks, {.heads = shape.heads});
  const bool alone = world().size() == 1;
  const Attention* first = &stage.begin_chunk(0);
  const Attention* second = &stage.begin_chunk(1);
  const Attention* token = &stage.begin_token(GlobalPosition(24));
  EXPECT_EQ(dynamic_cast<const LocalAttention*>(first) != nullptr, alone);
  EXPECT_EQ(dynamic_cast<const GroupAttention*>(first) != nullptr, !alone);
  EXPECT_EQ(dynamic_cast<const GroupAttention*>(second) != nullptr, !alone);
  EXPECT_EQ(dynamic_cast<const StripedDecodeAttention*>(token) != nullptr, !alone);
}

}  // namespace
}  // namespace gemring

#include "engine/attention/kv_cache.h"

#include <gtest/gtest.h>

#include <cstring>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr KvShape kOneByTwo = {.kv_heads = 1, .head_dim = 2, .type = DataType::f32};

std::vector<GlobalPosition> positions(std::initializer_list<int> values) {
  return {values.begin(), values.end()};
}

/// k and v of consecutive tokens; the values of v are the negative ones of k.
void write(KvCache& cache, LayerIndex layer, std::size_t first_row, std::vector<float> k) {
  std::vector<float> v = k;
  for (float& value : v) value = -value;
  const std::size_t tokens = k.size() / cache.shape().kv_heads / cache.shape().head_dim;
  cache.write(layer, first_row, {k.data(), tokens, cache.shape().kv_heads, cache.shape().head_dim},
              {v.data(), tokens, cache.shape().kv_heads, cache.shape().head_dim});
}

template <class T>
std::vector<T> elements(const void* data, const KeysValues& kv) {
  std::vector<T> values(kv.count * kv.kv_heads * kv.head_dim);
  std::memcpy(values.data(), data, values.size() * sizeof(T));
  return values;
}

using Floats = std::vector<float>;

TEST(KvCache, StepsFollowEachOther) {
  KvCache cache(kOneByTwo, LayerIndex(0), 1, 3);
  EXPECT_EQ(cache.all(LayerIndex(0)).count, 0u);
  cache.begin_step(positions({4, 9}));
  write(cache, LayerIndex(0), 0, {1, 2, 3, 4});
  cache.begin_step(positions({10}));
  write(cache, LayerIndex(0), 0, {5, 6});
  const KeysValues all = cache.all(LayerIndex(0));
  EXPECT_EQ(elements<float>(all.keys, all), (Floats{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(elements<float>(all.values, all), (Floats{-1, -2, -3, -4, -5, -6}));
  EXPECT_EQ(std::vector(cache.positions().begin(), cache.positions().end()), positions({4, 9, 10}));
}

TEST(KvCache, AStepIsWrittenInAnyNumberOfCalls) {
  KvCache cache(kOneByTwo, LayerIndex(0), 1, 4);
  cache.begin_step(positions({0}));
  write(cache, LayerIndex(0), 0, {1, 2});
  cache.begin_step(positions({1, 2, 3}));
  write(cache, LayerIndex(0), 2, {7, 8});
  write(cache, LayerIndex(0), 0, {3, 4, 5, 6});
  const KeysValues all = cache.all(LayerIndex(0));
  EXPECT_EQ(elements<float>(all.keys, all), (Floats{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(KvCache, LayersAreKeptApart) {
  KvCache cache(kOneByTwo, LayerIndex(5), 2, 2);  // layers 5 and 6
  cache.begin_step(positions({0}));
  write(cache, LayerIndex(6), 0, {3, 4});
  write(cache, LayerIndex(5), 0, {1, 2});
  EXPECT_EQ(elements<float>(cache.all(LayerIndex(5)).keys, cache.all(LayerIndex(5))), (Floats{1, 2}));
  EXPECT_EQ(elements<float>(cache.all(LayerIndex(6)).keys, cache.all(LayerIndex(6))), (Floats{3, 4}));
  EXPECT_THROW(cache.all(LayerIndex(4)), InternalError);
  EXPECT_THROW(cache.all(LayerIndex(7)), InternalError);
  EXPECT_THROW(write(cache, LayerIndex(7), 0, {1, 2}), InternalError);
}

TEST(KvCache, MoreTokensThanItsCapacityAreABug) {
  KvCache cache(kOneByTwo, LayerIndex(0), 1, 3);
  cache.begin_step(positions({0, 1}));
  EXPECT_THROW(cache.begin_step(positions({2, 3})), InternalError);
  EXPECT_EQ(cache.positions().size(), 2u);
  cache.begin_step(positions({2}));
  EXPECT_THROW(cache.begin_step(positions({3})), InternalError);
}

TEST(KvCache, PositionsThatDoNotAscendAreABug) {
  KvCache cache(kOneByTwo, LayerIndex(0), 1, 5);
  cache.begin_step(positions({3, 7}));
  EXPECT_THROW(cache.begin_step(positions({7})), InternalError);
  EXPECT_THROW(cache.begin_step(positions({5, 9})), InternalError);
  cache.begin_step(positions({}));  // a member without a part of the chunk
  EXPECT_EQ(cache.all(LayerIndex(0)).count, 2u);
  cache.begin_step(positions({8}));
  EXPECT_EQ(cache.all(LayerIndex(0)).count, 3u);
}

TEST(KvCache, RowsBeyondTheStepAreABug) {
  KvCache cache(kOneByTwo, LayerIndex(0), 1, 5);
  cache.begin_step(positions({0, 1}));
  EXPECT_THROW(write(cache, LayerIndex(0), 1, {1, 2, 3, 4}), InternalError);
  EXPECT_THROW(write(cache, LayerIndex(0), 2, {1, 2}), InternalError);
}

TEST(KvCache, Bf16RoundsToTheNearestEven) {
  const KvShape shape{.kv_heads = 2, .head_dim = 2, .type = DataType::bf16};
  EXPECT_EQ(shape.bytes_per_token(), 8u);
  KvCache cache(shape, LayerIndex(0), 1, 2);
  cache.begin_step(positions({0, 1}));
  // 1 + 2^-8 is a tie that goes down to 1, 1 + 3 * 2^-8 one that goes up to 1 + 2^-6.
  write(cache, LayerIndex(0), 1, {1, 1 + 0x1p-8f, 1 + 3 * 0x1p-8f, -2});
  write(cache, LayerIndex(0), 0, {0, 4, 8, 16});
  const KeysValues kv = cache.all(LayerIndex(0));
  EXPECT_EQ(kv.type, DataType::bf16);
  EXPECT_EQ(elements<std::uint16_t>(kv.keys, kv),
            (std::vector<std::uint16_t>{0, 0x4080, 0x4100, 0x4180, 0x3f80, 0x3f80, 0x3f82, 0xc000}));
  EXPECT_EQ(elements<std::uint16_t>(kv.values, kv),
            (std::vector<std::uint16_t>{0x8000, 0xc080, 0xc100, 0xc180, 0xbf80, 0xbf80, 0xbf82, 0x4000}));
}

TEST(KvCache, ACacheOfOneLayerGoesOnToTheNext) {
  KvCache cache(kOneByTwo, LayerIndex(0), 1, 2);
  cache.begin_step(positions({0, 1}));
  write(cache, LayerIndex(0), 0, {1, 2, 3, 4});
  cache.move_to(LayerIndex(1));
  EXPECT_THROW(cache.all(LayerIndex(0)), InternalError);
  write(cache, LayerIndex(1), 0, {5, 6, 7, 8});
  EXPECT_EQ(elements<float>(cache.all(LayerIndex(1)).keys, cache.all(LayerIndex(1))), (Floats{5, 6, 7, 8}));
  KvCache two(kOneByTwo, LayerIndex(0), 2, 2);
  EXPECT_THROW(two.move_to(LayerIndex(1)), InternalError);
}

}  // namespace
}  // namespace gemring

// Attention in one call, every instruction set against double.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "engine/base/check.h"
#include "tests/engine/kernels/attention_data.h"
#include "tests/engine/kernels/every_isa.h"

namespace gemring {
namespace {

using test::AttentionData;
using test::AttentionShape;
using test::causal;
using test::kAttentionTolerance;
using test::largest_difference;
using test::with_every_isa;

/// Each query sees the first so many keys.
std::vector<KeyRange> ranges(const std::vector<std::int32_t>& ends) {
  std::vector<KeyRange> made;
  for (const std::int32_t end : ends) made.push_back({0, end});
  return made;
}

void expect_like_double(const AttentionShape& shape, const std::vector<KeyRange>& seen, float query_scale = 2,
                        double tolerance = kAttentionTolerance) {
  AttentionData data(shape, query_scale);
  const std::vector<double> expected = data.expected(seen);
  with_every_isa([&] { EXPECT_LT(largest_difference(data.attended(seen), expected), tolerance) << shape.text(); });
}

TEST(Attention, AWorkedExample) {
  // head_dim 4: scores are q.k / 2. Keys score 0, 2 ln 2 / 2 = ln 2 and 2 ln 4 / 2 = ln 4: weights 1, 2, 4 of 7.
  const float ln2 = std::log(2.0f);
  const std::vector<float> q = {2, 0, 0, 0, 2, 0, 0, 0};
  const std::vector<float> k = {0, 5, 0, 0, ln2, 0, 0, 1, 2 * ln2, 0, 0, 0};
  const std::vector<float> v = {7, 0, 0, 1, 0, 7, 0, 1, 0, 0, 7, 1};
  const std::vector<KeyRange> seen = {{0, 2}, {0, 3}};
  with_every_isa([&] {
    AttentionScratch scratch(1, 1, 4);
    test::State state(2, 1, 4);
    attend({q.data(), 2, 1, 4}, {DataType::f32, k.data(), v.data(), 3, 1, 4}, seen, state.view(),
           StateUse::start_and_finish, scratch);
    const std::vector<float> expected = {7.0f / 3, 14.0f / 3, 0, 1, 1, 2, 4, 1};
    EXPECT_LT(largest_difference(state.o, expected), 2e-6);
  });
}

TEST(Attention, EveryHeadDimAndGroup) {
  for (const std::size_t head_dim : {2u, 6u, 8u, 16u, 24u, 64u, 80u, 96u, 128u}) {
    for (const std::size_t group : {1u, 3u, 4u, 6u, 8u, 12u}) {
      for (const DataType type : {DataType::f32, DataType::bf16}) {
        const AttentionShape shape{13, group < 6 ? 2u : 1u, group, head_dim, 140, type};
        expect_like_double(shape, causal(13, 127));
      }
    }
  }
}

TEST(Attention, AnyNumberOfTokens) {
  for (const std::size_t tokens : {1u, 2u, 5u, 67u, 300u}) {
    for (const std::size_t group : {1u, 3u, 12u}) {
      for (const DataType type : {DataType::f32, DataType::bf16}) {
        expect_like_double({tokens, 2, group, 6, tokens, type}, causal(tokens));
        expect_like_double({tokens, 1, group, 64, tokens + 130, type}, causal(tokens, 130));
      }
    }
  }
}

TEST(Attention, OneQueryAndAnyNumberOfKeys) {
  for (const std::size_t keys : {1u, 2u, 7u, 128u, 129u, 1025u, 2500u}) {
    for (const std::size_t group : {1u, 3u, 8u, 12u}) {
      for (const DataType type : {DataType::f32, DataType::bf16}) {
        const AttentionShape shape{1, 2, group, 24, keys, type};
        expect_like_double(shape, ranges({static_cast<std::int32_t>(keys)}));
        if (keys < 200) expect_like_double(shape, ranges({static_cast<std::int32_t>((keys + 1) / 2)}));
      }
    }
  }
}

TEST(Attention, OneQueryWithMoreKeysThanPiecesOf1024) {
  expect_like_double({1, 1, 2, 4, 70'000, DataType::f32}, {{0, 70'000}});
  expect_like_double({1, 1, 2, 4, 70'000, DataType::bf16}, {{0, 65'537}});
}

TEST(Attention, UnevenVisibleCounts) {
  const std::vector<KeyRange> seen = ranges({1, 1, 1, 2, 127, 128, 128, 129, 200, 255, 256, 257, 299, 300, 300});
  for (const std::size_t group : {1u, 4u, 12u}) {
    for (const DataType type : {DataType::f32, DataType::bf16}) {
      expect_like_double({seen.size(), 2, group, 16, 300, type}, seen);
    }
  }
  std::vector<std::int32_t> many;  // several panels; some end before a block of keys begins
  for (std::int32_t t = 0; t < 150; ++t) many.push_back(t < 70 ? 3 : t * 2);
  expect_like_double({150, 1, 3, 8, 300, DataType::f32}, ranges(many));
}

TEST(Attention, SlidingWindows) {
  for (const std::size_t group : {1u, 3u}) {
    for (const std::size_t window : {1u, 2u, 100u, 127u, 128u, 129u, 299u}) {
      const AttentionShape shape{150, 2, group, 8, 300, DataType::f32};
      expect_like_double(shape, causal(150, 150, window));
    }
  }
  expect_like_double({1, 1, 2, 4, 5000, DataType::f32}, {{2000, 5000}});  // one query, pieces of 1024
  expect_like_double({1, 1, 12, 4, 5000, DataType::f32}, {{4999, 5000}});
}

TEST(Attention, KeysThatNobodySeesChangeNothing) {
  AttentionData with({5, 1, 3, 8, 20, DataType::f32});
  AttentionData without({5, 1, 3, 8, 9, DataType::f32});  // the same numbers, fewer of them
  with_every_isa([&] { EXPECT_EQ(with.attended(causal(5, 4)), without.attended(causal(5, 4))); });
}

TEST(Attention, PeakedScoresStayInRange) {
  // Scores of some thousands: every weight but one is 0, and the score's rounding, 2^-24 of it, is an error of the
  // rest.
  expect_like_double({40, 1, 3, 64, 200, DataType::f32}, causal(40, 160), 20, 2e-5);
  expect_like_double({1, 1, 3, 64, 200, DataType::f32}, {{0, 200}}, 20, 2e-5);
  AttentionData data({40, 1, 3, 64, 200, DataType::f32}, 1e6f);
  with_every_isa([&] {
    for (const float value : data.attended(causal(40, 160))) EXPECT_LE(std::abs(value), 1) << "or NaN";
  });
}

TEST(Attention, InPlaceOnTheQueries) {
  for (const std::size_t tokens : {1u, 5u, 100u}) {
    AttentionData data({tokens, 2, 3, 24, tokens + 10, DataType::f32});
    with_every_isa([&] {
      const auto seen = causal(tokens, 10);
      const std::vector<float> expected = data.attended(seen);
      test::State state = data.state();
      std::copy_n(data.q().data(), state.o.size(), state.o.data());
      attend(state.view().o, data.kv(0, tokens + 10), seen, state.view(), StateUse::start_and_finish, data.scratch());
      EXPECT_EQ(state.o, expected) << tokens;
    });
  }
}

TEST(Attention, NoQueriesAreNoWork) {
  AttentionData data({0, 2, 3, 24, 10, DataType::f32});
  EXPECT_TRUE(data.attended({}).empty());
}

TEST(Attention, ShapesThatDoNotFitAreABug) {
  AttentionData data({2, 2, 3, 24, 10, DataType::f32});
  EXPECT_THROW(data.attended({{0, 1}}), InternalError);  // one count for two queries
  KeysValues kv = data.kv(0, 10);
  kv.kv_heads = 4;  // does not divide 6
  test::State state = data.state();
  const std::vector<KeyRange> seen = {{0, 1}, {0, 2}};
  EXPECT_THROW(attend(data.q(), kv, seen, state.view(), StateUse::start, data.scratch()), InternalError);
}

/// A tile by one of the two kernels of a table, called as attend() calls them.
std::vector<float> tile_by(void (*kernel)(const AttentionTile&, float*), const AttentionData& data,
                           const std::vector<KeyRange>& seen, std::vector<float>& scratch) {
  test::State state = data.state();
  AttentionTile tile{};
  tile.queries = data.q().data();
  tile.tokens = data.q().tokens();
  tile.heads = data.q().heads();
  tile.kv = data.kv(0, data.shape().keys);
  tile.seen = seen.data();
  tile.scale = 1.44269504f / std::sqrt(static_cast<float>(data.shape().head_dim));
  tile.outputs = state.o.data();
  tile.maxima = state.m.data();
  tile.sums = state.l.data();
  tile.first = true;
  tile.last = true;
  for (tile.kv_head = 0; tile.kv_head < data.shape().kv_heads; ++tile.kv_head) kernel(tile, scratch.data());
  return state.o;
}

TEST(AttentionKernels, TheFewRowsKernelAndTheTileAgree) {
  const std::vector<KeyRange> seen = {{0, 3}, {0, 130}, {2, 131}, {129, 290}};
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    for (const std::size_t head_dim : {2u, 24u, 80u}) {
      const AttentionData data({4, 3, 2, head_dim, 300, type});
      for (const Isa isa : test::isas_of_this_machine()) {
        const KernelTable& table = kernels_of(isa);
        std::vector<float> scratch(table.attention_scratch(8, head_dim));
        const auto few = tile_by(table.attention_few, data, seen, scratch);
        const auto tiled = tile_by(table.attention_tile, data, seen, scratch);
        EXPECT_LT(largest_difference(few, tiled), kAttentionTolerance) << name(isa) << " " << head_dim;
        EXPECT_LT(largest_difference(few, data.expected(seen)), kAttentionTolerance) << name(isa) << " " << head_dim;
      }
    }
  }
}

}  // namespace
}  // namespace gemring

// The softmax state between calls: carried on, merged, finished; and the exponential that all of it rests on.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/engine/kernels/attention_data.h"
#include "tests/engine/kernels/every_isa.h"

namespace gemring {
namespace {

using test::AttentionData;
using test::AttentionShape;
using test::causal;
using test::kAttentionTolerance;
using test::largest_difference;
using test::State;
using test::with_every_isa;

/// Shapes of both kernels: one query (few heads, many heads), and tiles.
std::vector<AttentionShape> shapes() {
  std::vector<AttentionShape> all;
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    all.push_back({1, 2, 3, 24, 300, type});
    all.push_back({1, 1, 12, 16, 300, type});
    all.push_back({5, 2, 4, 6, 300, type});
    all.push_back({67, 1, 6, 64, 300, type});
  }
  return all;
}

TEST(AttentionState, PiecesCarriedOnEqualOneCall) {
  for (const AttentionShape& shape : shapes()) {
    AttentionData data(shape);
    const auto seen = causal(shape.tokens, 300 - shape.tokens);
    const std::vector<double> expected = data.expected(seen);
    with_every_isa([&] {
      for (const std::size_t cut : {1u, 127u, 128u, 200u, 299u}) {
        State state = data.state();
        data.attend_piece(state, 0, cut, seen, StateUse::start);
        data.attend_piece(state, cut, cut, seen, StateUse::carry_on);  // a shard without keys
        data.attend_piece(state, cut, 300, seen, StateUse::carry_on);
        EXPECT_LT(largest_difference(data.finished(state), expected), kAttentionTolerance)
            << shape.text() << ", cut " << cut;
      }
    });
  }
}

TEST(AttentionState, RowsThatSeeNothingAtFirstCarryOnLater) {
  for (const AttentionShape& shape : shapes()) {
    AttentionData data(shape);
    const auto seen = causal(shape.tokens, 150);
    const std::vector<double> expected = data.expected(seen);
    with_every_isa([&] {
      State state = data.state();  // the later keys first, which the earlier tokens do not see
      data.attend_piece(state, 200, 300, seen, StateUse::start);
      EXPECT_EQ(state.m[0], kNothingSeen);
      data.attend_piece(state, 150, 200, seen, StateUse::carry_on);
      data.attend_piece(state, 0, 150, seen, StateUse::carry_on);
      EXPECT_LT(largest_difference(data.finished(state), expected), kAttentionTolerance) << shape.text();
    });
  }
}

TEST(AttentionState, OneQueryWithoutAnyKeyIsTheEmptyState) {
  AttentionData data({1, 1, 2, 4, 1, DataType::f32});
  with_every_isa([&] {
    State state = data.state();
    data.attend_piece(state, 0, 0, {{0, 0}}, StateUse::start);
    EXPECT_EQ(state.o, std::vector<float>(8, 0));
    EXPECT_EQ(state.m, std::vector<float>(2, kNothingSeen));
    EXPECT_EQ(state.l, std::vector<float>(2, 0));
  });
}

TEST(AttentionState, MergeInEitherOrderEqualsOneCall) {
  for (const AttentionShape& shape : shapes()) {
    AttentionData data(shape);
    const auto seen = causal(shape.tokens, 300 - shape.tokens);
    const std::vector<double> expected = data.expected(seen);
    with_every_isa([&] {
      const auto piece = [&](std::size_t begin, std::size_t end) {
        State state = data.state();
        data.attend_piece(state, begin, end, seen, StateUse::start);
        return state;
      };
      State first = piece(0, 110), second = piece(110, 270), third = piece(270, 300);
      State forward = first, backward = third;
      merge(forward.view(), second.view());
      merge(forward.view(), third.view());
      merge(backward.view(), second.view());
      merge(backward.view(), first.view());
      EXPECT_LT(largest_difference(data.finished(forward), expected), kAttentionTolerance) << shape.text();
      EXPECT_LT(largest_difference(data.finished(backward), expected), kAttentionTolerance) << shape.text();
    });
  }
}

TEST(AttentionState, AWorkedMerge) {
  // 2^-2 of the first state counts beside the second: o = (4 / 4 + 3), l = 2 / 4 + 1.5; finished (1 + 3) / 2.
  State into(1, 1, 2), other(1, 1, 2);
  into.o = {4, 8}, into.m = {1}, into.l = {2};
  other.o = {3, 0}, other.m = {3}, other.l = {1.5f};
  merge(into.view(), other.view());
  EXPECT_EQ(into.o, (std::vector<float>{4, 2}));
  EXPECT_EQ(into.m, std::vector<float>{3});
  EXPECT_EQ(into.l, std::vector<float>{2});
  finish(into.view(), into.view().o);
  EXPECT_EQ(into.o, (std::vector<float>{2, 1}));
}

TEST(AttentionState, AWorkedMergeOfAPart) {
  // As above, with the outputs of the second one divided by its l: 3 / 1.5.
  State into(1, 1, 2), other(1, 1, 2);
  into.o = {4, 8}, into.m = {1}, into.l = {2};
  other.o = {2, 0}, other.m = {3}, other.l = {1.5f};
  merge(into.view(), other.part());
  EXPECT_EQ(into.o, (std::vector<float>{4, 2}));
  EXPECT_EQ(into.m, std::vector<float>{3});
  EXPECT_EQ(into.l, std::vector<float>{2});
}

TEST(AttentionState, PartsMergedInAnyOrderEqualOneCall) {
  for (const AttentionShape& shape : shapes()) {
    AttentionData data(shape);
    const auto seen = causal(shape.tokens, 300 - shape.tokens);
    const std::vector<double> expected = data.expected(seen);
    with_every_isa([&] {
      const auto part = [&](std::size_t begin, std::size_t end) {
        State state = data.state();
        data.attend_part(state, begin, end, seen);
        return state;
      };
      State first = part(0, 110), second = part(110, 270), third = part(270, 300), none = part(300, 300);
      State own = data.state();
      data.attend_piece(own, 270, 300, seen, StateUse::start);
      for (State* other : {&none, &second, &first}) merge(own.view(), other->part());
      EXPECT_LT(largest_difference(data.finished(own), expected), kAttentionTolerance) << shape.text();
      State empty = data.state();
      data.attend_piece(empty, 0, 0, seen, StateUse::start);
      for (State* other : {&first, &third, &second, &none}) merge(empty.view(), other->part());
      EXPECT_LT(largest_difference(data.finished(empty), expected), kAttentionTolerance) << shape.text();
    });
  }
}

TEST(AttentionState, APartsRowsWithoutAKeyAreZeros) {
  for (const AttentionShape& shape : shapes()) {
    AttentionData data(shape);
    std::vector<KeyRange> seen = causal(shape.tokens, 100);  // the first of 100 or more keys in front of the part
    with_every_isa([&] {
      State part = data.state();
      data.attend_part(part, 130, 300, seen);
      const std::size_t heads = shape.heads();
      for (std::size_t token = 0; token < shape.tokens; ++token) {
        const bool sees = 100 + token + 1 > 130;
        const auto largest = [&](const std::vector<float>& all, std::size_t of_token) {
          double value = 0;
          for (std::size_t i = token * of_token; i < (token + 1) * of_token; ++i)
            value = test::larger(value, static_cast<double>(std::abs(all[i])));
          return value;
        };
        EXPECT_EQ(largest(part.o, heads * shape.head_dim) > 0, sees);
        EXPECT_LE(largest(part.o, heads * shape.head_dim), 1) << "a mean of values in [-1, 1)";
        EXPECT_EQ(largest(part.l, heads) > 0, sees);
        EXPECT_EQ(part.m[token * heads] == kNothingSeen, !sees);
      }
    });
  }
}

TEST(AttentionState, WhereMLiesMakesNoDifferenceToAMerge) {
  // 2^64 up or down, as kernels of bf16 may leave m: the same bits, for it moves by powers of two.
  const float o[] = {0.25f, -0.75f};
  const auto merged = [&](int ours, int theirs) {
    State into(1, 1, 2), other(1, 1, 2);
    into.o = {std::ldexp(3.0f, ours), std::ldexp(1.5f, ours)};
    into.m = {static_cast<float>(20 - ours)}, into.l = {std::ldexp(7.0f, ours)};
    other.o = {o[0], o[1]}, other.m = {static_cast<float>(21 - theirs)}, other.l = {std::ldexp(5.0f, theirs)};
    merge(into.view(), other.part());
    finish(into.view(), into.view().o);
    return into.o;
  };
  const auto expected = merged(0, 0);
  for (const int ours : {-60, 0, 60}) {
    for (const int theirs : {-60, 0, 60}) EXPECT_EQ(merged(ours, theirs), expected) << ours << " " << theirs;
  }
}

TEST(AttentionState, AStateThatSawNothingAddsNothing) {
  State seen(1, 1, 2), empty(1, 1, 2);
  seen.o = {4, 8}, seen.m = {-50}, seen.l = {2};
  empty.o = {9, 9}, empty.m = {kNothingSeen}, empty.l = {9};  // what a fully masked block leaves behind
  State into = seen;
  merge(into.view(), empty.view());
  EXPECT_EQ(into.o, seen.o);
  EXPECT_EQ(into.l, seen.l);
  merge(empty.view(), seen.view());
  EXPECT_EQ(empty.o, seen.o);
  EXPECT_EQ(empty.m, seen.m);
  EXPECT_EQ(empty.l, seen.l);
}

/// Two keys, the first scoring 0, the second `score` in units of log2 (up to rounding; the state tells exactly).
/// Returns {m, o of the first key, o of the second}: both weights as the kernel computed them.
std::vector<float> two_weights(float score, bool few) {
  const std::size_t heads = few ? 1 : 12;
  std::vector<float> q(2 * heads);
  for (std::size_t h = 0; h < heads; ++h) q[2 * h] = score * 0.980258143f;  // sqrt(2) / log2(e)
  const std::vector<float> k = {0, 0, 1, 0};
  const std::vector<float> v = {1, 0, 0, 1};
  State state(1, heads, 2);
  static AttentionScratch scratches[] = {{1, 1, 2}, {12, 1, 2}};  // large: made once
  AttentionScratch& scratch = scratches[few ? 0 : 1];
  const KeyRange seen{0, 2};
  attend({q.data(), 1, heads, 2}, {DataType::f32, k.data(), v.data(), 2, 1, 2}, {&seen, 1}, state.view(),
         StateUse::start, scratch);
  return {state.m[0], state.o[0], state.o[1]};
}

TEST(Exponential, IsAccurateOverTheWholeRange) {
  with_every_isa([&] {
    for (const bool few : {true, false}) {
      double worst = 0;
      for (float score = 0; score < 125.5f; score += 0.0371f) {
        const auto weights = two_weights(score, few);
        EXPECT_EQ(weights[2], 1);  // 2^0
        const double exact = std::exp2(-static_cast<double>(weights[0]));
        worst = test::larger(worst, std::abs(static_cast<double>(weights[1]) / exact - 1));
      }
      EXPECT_LT(worst, 2.5e-7) << (few ? "few" : "tile");
    }
  });
}

TEST(Exponential, IsZeroWhereAFloatWouldBeSubnormal) {
  with_every_isa([&] {
    for (const bool few : {true, false}) {
      EXPECT_GT(two_weights(125.9f, few)[1], 0x1p-126f);
      for (const float score : {126.1f, 150.0f, 1e4f, 1e20f}) EXPECT_EQ(two_weights(score, few)[1], 0) << score;
    }
  });
}

TEST(FindSeen, AWorkedTable) {
  const auto positions = [](std::initializer_list<int> values) {
    return std::vector<GlobalPosition>(values.begin(), values.end());
  };
  using Table = std::vector<std::pair<std::int32_t, std::int32_t>>;  // begin, end
  const auto found = [](const std::vector<GlobalPosition>& queries, const std::vector<GlobalPosition>& keys,
                        std::int32_t window = kNoWindow) {
    std::vector<KeyRange> seen(queries.size(), {-1, -1});
    find_seen(queries, keys, window, seen);
    Table table;
    for (const KeyRange& range : seen) table.emplace_back(range.begin, range.end);
    return table;
  };
  // The zigzag shards of 11 positions over 3 ranks: 0 9 10 | 1 2 7 8 | 3 4 5 6.
  EXPECT_EQ(found(positions({0, 9, 10}), positions({0, 9, 10})), (Table{{0, 1}, {0, 2}, {0, 3}}));
  EXPECT_EQ(found(positions({0, 9, 10}), positions({1, 2, 7, 8})), (Table{{0, 0}, {0, 4}, {0, 4}}));
  EXPECT_EQ(found(positions({1, 2, 7, 8}), positions({3, 4, 5, 6})), (Table{{0, 0}, {0, 0}, {0, 4}, {0, 4}}));
  EXPECT_EQ(found(positions({3, 4, 5, 6}), positions({0, 9, 10})), (Table{{0, 1}, {0, 1}, {0, 1}, {0, 1}}));
  EXPECT_EQ(found(positions({3, 4}), positions({})), (Table{{0, 0}, {0, 0}}));
  EXPECT_EQ(found(positions({}), positions({3, 4})), Table{});
  // A window of 3 positions: 9 sees 7, 8, 9.
  EXPECT_EQ(found(positions({0, 9, 10}), positions({0, 9, 10}), 3), (Table{{0, 1}, {1, 2}, {1, 3}}));
  EXPECT_EQ(found(positions({0, 9, 10}), positions({1, 2, 7, 8}), 3), (Table{{0, 0}, {2, 4}, {3, 4}}));
  EXPECT_EQ(found(positions({3, 4, 5, 6}), positions({0, 9, 10}), 3), (Table{{1, 1}, {1, 1}, {1, 1}, {1, 1}}));
  EXPECT_EQ(found(positions({8}), positions({7, 8}), 1), (Table{{1, 2}}));
}

}  // namespace
}  // namespace gemring

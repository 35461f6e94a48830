// Attention over keys in several segments against that over the same keys in one.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "engine/attention/kv_cache.h"
#include "engine/attention/local_attention.h"
#include "engine/base/check.h"
#include "tests/support/attention_steps.h"
#include "tests/support/numbers.h"
#include "tests/support/plain_attention.h"

namespace gemring {
namespace {

using test::positions_from;
using test::Sequence;
using test::SequenceShape;

constexpr LayerIndex kCutLayer(3);

/// Segments of given lengths, each with memory of its own; tokens fill one after the other.
class CutCache final : public KvSegments {
 public:
  CutCache(const KvShape& shape, const std::vector<std::size_t>& lengths) : shape_(shape), lengths_(lengths) {
    for (const std::size_t length : lengths)
      caches_.push_back(std::make_unique<KvCache>(shape, kCutLayer, 1, std::max<std::size_t>(length, 1)));
  }

  const KvShape& shape() const override { return shape_; }
  std::size_t most_segments() const override { return lengths_.size(); }
  std::size_t segment_count(LayerIndex) const override { return caches_.size(); }
  KvSegment segment(LayerIndex layer, std::size_t index) const override { return caches_.at(index)->segment(layer, 0); }

  void begin_step(std::span<const GlobalPosition> positions) override {
    step_.clear();
    std::size_t begin = 0;
    for (std::size_t i = 0; i < caches_.size() && begin < positions.size(); ++i) {
      const std::size_t room = lengths_[i] - caches_[i]->positions().size();
      const std::size_t count = std::min(room, positions.size() - begin);
      if (count == 0) continue;
      caches_[i]->begin_step(positions.subspan(begin, count));
      step_.push_back({caches_[i].get(), begin, begin + count});
      begin += count;
    }
    GEMRING_CHECK(begin == positions.size(), "{} of {} tokens have room", begin, positions.size());
  }

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override {
    for (const Part& part : step_) {
      const std::size_t begin = std::max(part.begin, first_row);
      const std::size_t end = std::min(part.end, first_row + k.tokens());
      if (begin >= end) continue;
      part.cache->write(layer, begin - part.begin, k.tokens(begin - first_row, end - first_row),
                        v.tokens(begin - first_row, end - first_row));
    }
  }

 private:
  struct Part {
    KvCache* cache;
    std::size_t begin, end;  // rows of the step
  };
  KvShape shape_;
  std::vector<std::size_t> lengths_;
  std::vector<std::unique_ptr<KvCache>> caches_;
  std::vector<Part> step_;
};

/// The results of all steps one behind the other.
std::vector<float> in_steps(const SequenceShape& shape, KvSegments& keys, const std::vector<std::size_t>& steps) {
  const Sequence sequence(shape, kCutLayer);
  LocalAttention attention(keys, shape.heads, shape.tokens);
  std::vector<float> out;
  std::size_t begin = 0;
  for (const std::size_t length : steps) {
    const auto positions = positions_from(begin, begin + length);
    keys.begin_step(positions);
    sequence.write(attention, positions);
    const auto rows = sequence.attend(attention, positions);
    out.insert(out.end(), rows.begin(), rows.end());
    begin += length;
  }
  return out;
}

std::vector<double> widened(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

const std::vector<std::vector<std::size_t>> kCuts = {
    {100, 201}, {300, 1}, {1, 300}, {1, 250, 50}, {128, 128, 45}, {150, 0, 151}, {7, 3, 290, 1},
};

/// Prefills at once and in chunks, and single tokens of decode.
const std::vector<std::vector<std::size_t>> kSteps = {{301}, {120, 180, 1}, {298, 1, 1, 1}, {1, 1, 299}};

TEST(Segments, GiveWhatTheWholeGivesWithinRounding) {
  for (const DataType type : {DataType::f32, DataType::bf16}) {
    for (const std::int32_t window : {kNoWindow, 1, 24, 128, 129, 290}) {
      const SequenceShape shape{.tokens = 301, .window = window};
      for (const auto& steps : kSteps) {
        KvCache one(shape.kv(type), kCutLayer, 1, shape.tokens);
        const auto whole = widened(in_steps(shape, one, steps));
        for (std::size_t cut = 0; cut < kCuts.size(); ++cut) {
          CutCache several(shape.kv(type), kCuts[cut]);
          EXPECT_LT(test::largest_difference(in_steps(shape, several, steps), whole), 3e-6)
              << name(type) << ", window " << window << ", cut " << cut << ", " << steps.size() << " steps";
        }
      }
    }
  }
}

TEST(Segments, OneSegmentIsTheCacheToTheBit) {
  const SequenceShape shape{.tokens = 60};
  KvCache one(shape.kv(DataType::f32), kCutLayer, 1, 60);
  CutCache single(shape.kv(DataType::f32), {60});
  EXPECT_EQ(in_steps(shape, single, {40, 19, 1}), in_steps(shape, one, {40, 19, 1}));
}

TEST(Segments, PositionsWithGapsDecideWhatAWindowLeavesOfEachSegment) {
  // 0, 10, ..., 110 in segments of 5 and 7: with a window of 35 positions a query sees itself and three before.
  const SequenceShape shape{.tokens = 12, .window = 35};
  const Sequence sequence(shape, kCutLayer);
  std::vector<GlobalPosition> sparse;
  for (int i = 0; i < 12; ++i) sparse.emplace_back(10 * i);
  const auto attended = [&](KvSegments& keys) {
    LocalAttention attention(keys, shape.heads, 12);
    keys.begin_step(sparse);
    sequence.write(attention, positions_from(0, 12));
    std::vector<float> q = Sequence::rows(sequence.q(), positions_from(0, 12));
    attention.attend(kCutLayer, {q.data(), 12, shape.heads, shape.head_dim}, sparse, {shape.window});
    return q;
  };
  CutCache several(shape.kv(DataType::f32), {5, 7});
  KvCache one(shape.kv(DataType::f32), kCutLayer, 1, 12);
  const auto expected = test::plain_attention(sequence.q(), sequence.k(), sequence.v(), test::causal(12, 0, 4));
  EXPECT_LT(test::largest_difference(attended(several), expected), 3e-6);
  EXPECT_LT(test::largest_difference(attended(one), expected), 3e-6);
}

TEST(Segments, QueriesThatSeeNoKeyAreABug) {
  const SequenceShape shape{.tokens = 4};
  CutCache keys(shape.kv(DataType::f32), {2, 2});
  LocalAttention attention(keys, shape.heads, 4);
  keys.begin_step({});
  std::vector<float> q(2 * shape.heads * shape.head_dim);
  EXPECT_THROW(
      attention.attend(kCutLayer, {q.data(), 2, shape.heads, shape.head_dim}, positions_from(0, 2), {kNoWindow}),
      InternalError);
  attention.attend(kCutLayer, {q.data(), 0, shape.heads, shape.head_dim}, {}, {kNoWindow});  // a rank without queries
}

}  // namespace
}  // namespace gemring

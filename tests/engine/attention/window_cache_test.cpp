#include "engine/attention/window_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "engine/attention/local_attention.h"

namespace gemring {
namespace {

constexpr std::size_t kKvHeads = 2, kHeads = 4, kHeadDim = 8;

struct Drawn {
  explicit Drawn(std::size_t tokens) : q(tokens * kHeads * kHeadDim), k(tokens * kKvHeads * kHeadDim), v(k.size()) {
    std::mt19937 engine(7);
    std::normal_distribution<float> draw;
    for (std::vector<float>* each : {&q, &k, &v})
      std::generate(each->begin(), each->end(), [&] { return draw(engine); });
  }
  std::vector<float> q, k, v;  // [tokens, heads, head_dim]
};

std::vector<GlobalPosition> positions(std::int32_t begin, std::int32_t end) {
  std::vector<GlobalPosition> all;
  for (std::int32_t position = begin; position < end; ++position) all.emplace_back(position);
  return all;
}

/// In double, over keys of the window and of the sinks.   Returns [tokens, heads, head_dim]
std::vector<double> reference(const Drawn& s, std::int32_t tokens, const WindowSizes& sizes) {
  std::vector<double> out(s.q.size());
  for (std::int32_t t = 0; t < tokens; ++t) {
    for (std::size_t head = 0; head < kHeads; ++head) {
      const std::size_t kv_head = head / (kHeads / kKvHeads);
      double* const o = out.data() + (static_cast<std::size_t>(t) * kHeads + head) * kHeadDim;
      double all = 0;
      for (std::int32_t key = 0; key <= t; ++key) {
        if (key >= sizes.sinks && t - key >= sizes.window) continue;
        const std::size_t at = (static_cast<std::size_t>(key) * kKvHeads + kv_head) * kHeadDim;
        double product = 0;
        for (std::size_t i = 0; i < kHeadDim; ++i)
          product += s.q[(static_cast<std::size_t>(t) * kHeads + head) * kHeadDim + i] * s.k[at + i];
        const double weight = std::exp(product / std::sqrt(double{kHeadDim}));
        all += weight;
        for (std::size_t i = 0; i < kHeadDim; ++i) o[i] += weight * s.v[at + i];
      }
      for (std::size_t i = 0; i < kHeadDim; ++i) o[i] /= all;
    }
  }
  return out;
}

/// Chunk by chunk; rows are written in two calls. Sinks are not turned: positions are nothing to these keys.
std::vector<float> attended(const Drawn& s, std::int32_t tokens, const WindowSizes& sizes) {
  const KvShape shape{kKvHeads, kHeadDim, DataType::f32};
  WindowCache cache(shape, sizes);
  WindowHalo halo(shape, sizes);
  LocalAttention attention(cache, kHeads, static_cast<std::size_t>(sizes.chunk));
  std::vector<float> out = s.q;
  const LayerIndex layer(3);
  for (std::int32_t begin = 0; begin < tokens; begin += sizes.chunk) {
    const std::int32_t end = std::min(begin + sizes.chunk, tokens);
    const auto own = positions(begin, end);
    cache.begin_step(own);
    const auto first = static_cast<std::size_t>(begin) * kKvHeads * kHeadDim;
    const std::size_t half = own.size() / 2, rest = own.size() - half, cut = half * kKvHeads * kHeadDim;
    attention.write(layer, 0, {s.k.data() + first, half, kKvHeads, kHeadDim},
                    {s.v.data() + first, half, kKvHeads, kHeadDim});
    attention.write(layer, half, {s.k.data() + first + cut, rest, kKvHeads, kHeadDim},
                    {s.v.data() + first + cut, rest, kKvHeads, kHeadDim});
    if (begin > 0) cache.take(halo, halo.sink_keys());
    if (end < tokens) cache.leave(halo);
    attention.attend(layer,
                     {out.data() + static_cast<std::size_t>(begin) * kHeads * kHeadDim, own.size(), kHeads, kHeadDim},
                     own, {.window = sizes.window, .sinks = sizes.sinks});
  }
  return out;
}

TEST(WindowCache, QueriesSeeTheirWindowAndTheSinksWhereverChunksEnd) {
  for (const WindowSizes sizes : {WindowSizes{5, 3, 8}, {8, 3, 8}, {8, 0, 8}, {1, 2, 8}, {3, 8, 8}, {16, 4, 16}}) {
    for (const std::int32_t tokens : {1, 2, 7, 8, 9, 16, 17, 40, 43}) {
      const Drawn s(static_cast<std::size_t>(tokens));
      const std::vector<double> expected = reference(s, tokens, sizes);
      const std::vector<float> got = attended(s, tokens, sizes);
      for (std::size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], expected[i], 1e-4)
            << "window " << sizes.window << " + " << sizes.sinks << " of " << tokens << ", element " << i;
      }
    }
  }
}

// Windows of 5 in chunks of 8 with 3 sinks: the chunk from 16 on sees keys from 11 on, so sinks stand at 8, 9, 10.
TEST(WindowCache, SinksStandRightBeforeTheWindow) {
  const WindowSizes sizes{5, 3, 8};
  EXPECT_EQ(WindowCache::sink_shift(GlobalPosition(0), sizes), 0);
  EXPECT_EQ(WindowCache::sink_shift(GlobalPosition(8), sizes), 0);
  EXPECT_EQ(WindowCache::sink_shift(GlobalPosition(16), sizes), 8);
}

TEST(WindowCache, AHaloIsAsLongAsWhatIsSent) {
  const WindowSizes sizes{5, 3, 8};
  WindowHalo halo({kKvHeads, kHeadDim, DataType::bf16}, sizes);
  EXPECT_EQ(halo.size(), 2 * (3 * 2 * 8 * 4 + 5 * 2 * 8 * 2));
  EXPECT_EQ(halo.bytes().size(), halo.size());
  EXPECT_EQ(halo.tail_values() + 5 * 2 * 8 * 2, halo.bytes().data() + halo.size());
}

}  // namespace
}  // namespace gemring

// What attention is, in double and without any blocking: the reference of the kernels' tests. Header only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/kernel_table.h"
#include "engine/tensor/view.h"

namespace gemring::test {

/// softmax(q K^T / sqrt(head_dim)) V, query t seeing the keys seen[t]; zeros where it sees none.
/// q: [tokens, heads, head_dim]; k, v: [keys, kv_heads, head_dim]; result: [tokens, heads, head_dim]
inline std::vector<double> plain_attention(HeadsView<const float> q, HeadsView<const float> k, HeadsView<const float> v,
                                           std::span<const KeyRange> seen) {
  const std::size_t head_dim = q.head_dim();
  const std::size_t group = q.heads() / k.heads();
  std::vector<double> out(q.size());
  for (std::size_t t = 0; t < q.tokens(); ++t) {
    for (std::size_t h = 0; h < q.heads(); ++h) {
      double* o = out.data() + (t * q.heads() + h) * head_dim;
      const auto begin = static_cast<std::size_t>(seen[t].begin);
      std::vector<double> scores(static_cast<std::size_t>(std::max(seen[t].end - seen[t].begin, 0)));
      double highest = -INFINITY;
      for (std::size_t key = 0; key < scores.size(); ++key) {
        for (std::size_t d = 0; d < head_dim; ++d) {
          scores[key] += static_cast<double>(q.head(t, h)[d]) * static_cast<double>(k.head(begin + key, h / group)[d]);
        }
        scores[key] /= std::sqrt(static_cast<double>(head_dim));
        highest = std::max(highest, scores[key]);
      }
      double sum = 0;
      for (double& score : scores) sum += score = std::exp(score - highest);
      for (std::size_t key = 0; key < scores.size(); ++key) {
        for (std::size_t d = 0; d < head_dim; ++d)
          o[d] += scores[key] / sum * static_cast<double>(v.head(begin + key, h / group)[d]);
      }
    }
  }
  return out;
}

/// Key before + t is token t's own: it sees that one and those before it, of all these the last `window`.
inline std::vector<KeyRange> causal(std::size_t tokens, std::size_t before = 0, std::size_t window = SIZE_MAX) {
  std::vector<KeyRange> seen(tokens);
  for (std::size_t t = 0; t < tokens; ++t) {
    const std::size_t end = before + t + 1;
    seen[t] = {static_cast<std::int32_t>(end - std::min(end, window)), static_cast<std::int32_t>(end)};
  }
  return seen;
}

}  // namespace gemring::test

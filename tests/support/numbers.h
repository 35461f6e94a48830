// Numbers for tests: reproducible on every machine and rank, and the distance of results from them. Header only.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace gemring::test {

/// Uniform in [-scale, scale). The engine's sequence is the standard's; the distributions of <random> are not.
inline std::vector<float> numbers(std::size_t count, std::uint32_t seed, float scale = 1) {
  std::mt19937 engine(seed);
  std::vector<float> values(count);
  for (float& value : values) value = (static_cast<float>(engine() >> 8) * 0x1p-23f - 1.0f) * scale;
  return values;
}

/// The larger of two differences; NaN where either is, which std::max would lose.
inline double larger(double a, double b) {
  return std::isnan(a) || b <= a ? a : b;
}

/// The largest difference between two results; NaN where either holds one, so that no comparison with it holds.
template <class A, class B>
double largest_difference(const A& a, const B& b) {
  if (std::size(a) != std::size(b)) return std::nan("");
  double largest = 0;
  for (std::size_t i = 0; i < std::size(a); ++i) {
    largest = larger(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return largest;
}

}  // namespace gemring::test

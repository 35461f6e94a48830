#include "engine/selection/pooling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/check.h"

namespace gemring {

namespace {

constexpr std::int32_t kAddedInOrder = 31;  // widths up to it: not more than a few ms for a million tokens

__extension__ using Int128 = __int128;

/// A sum to which values are added and from which they are taken away again, without rounding: in units of 2^-90 of the
/// largest value. 2^31 of them fit into 127 bits.
class ExactSum {
 public:
  /// largest: magnitude of the largest finite value
  explicit ExactSum(float largest) : shift_(kBits - (largest > 0.0f ? std::ilogb(largest) : 0)) {
    to_units_ = std::ldexp(1.0, shift_);
  }

  void add(float value) { change(value, 1); }
  void take_away(float value) { change(value, -1); }

  double value() const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (above_ > 0) return below_ > 0 ? std::numeric_limits<double>::quiet_NaN() : kInfinity;
    return below_ > 0 ? -kInfinity : std::ldexp(static_cast<double>(units_), -shift_);
  }

 private:
  static constexpr int kBits = 90;

  void change(float value, int sign) {
    if (std::isinf(value)) {
      (value > 0.0f ? above_ : below_) += sign;
    } else {
      units_ += sign * static_cast<Int128>(static_cast<double>(value) * to_units_);
    }
  }

  int shift_;
  double to_units_ = 1;
  Int128 units_ = 0;
  std::int64_t above_ = 0, below_ = 0;  // infinities
};

std::vector<float> pool_in_order(std::span<const float> scores, std::size_t half, float width) {
  std::vector<float> pooled(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    float sum = 0.0f;
    const std::size_t end = std::min(scores.size(), i + half + 1);
    for (std::size_t j = i - std::min(i, half); j < end; ++j) sum += scores[j];
    pooled[i] = sum / width;
  }
  return pooled;
}

std::vector<float> pool_sliding(std::span<const float> scores, std::size_t half, double width) {
  float largest = 0.0f;
  for (const float score : scores) {
    if (std::isfinite(score)) largest = std::max(largest, std::abs(score));
  }
  ExactSum sum(largest);
  for (std::size_t i = 0; i < std::min(half, scores.size()); ++i) sum.add(scores[i]);
  std::vector<float> pooled(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (i + half < scores.size()) sum.add(scores[i + half]);
    if (i > half) sum.take_away(scores[i - half - 1]);
    pooled[i] = static_cast<float>(sum.value() / width);
  }
  return pooled;
}

}  // namespace

std::vector<float> average_pool(std::span<const float> scores, std::int32_t width) {
  GEMRING_CHECK(width >= 1 && width <= kWidestPool && width % 2 == 1, "width {}", width);
  const auto half = static_cast<std::size_t>(width / 2);
  return width <= kAddedInOrder ? pool_in_order(scores, half, static_cast<float>(width))
                                : pool_sliding(scores, half, width);
}

}  // namespace gemring

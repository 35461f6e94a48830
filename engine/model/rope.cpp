#include "engine/model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/base/check.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
namespace {

/// transformers modeling_rope_utils.py, _compute_llama3_parameters: long wavelengths are stretched by `factor`, short
/// ones stay, those between are blended.
float llama3_scaled(float frequency, const RopeConfig& rope) {
  const double wavelength = 2.0 * std::numbers::pi / static_cast<double>(frequency);
  if (wavelength < rope.original_max_positions / rope.high_frequency_factor) return frequency;
  const double stretched = static_cast<double>(frequency) / rope.factor;
  if (wavelength > rope.original_max_positions / rope.low_frequency_factor) return static_cast<float>(stretched);
  const double smooth = (rope.original_max_positions / wavelength - rope.low_frequency_factor) /
                        (rope.high_frequency_factor - rope.low_frequency_factor);
  return static_cast<float>((1.0 - smooth) * stretched + smooth * static_cast<double>(frequency));
}

/// _compute_yarn_parameters: dimensions that turn more than beta_fast times over the original positions keep their
/// frequency, those that turn less than beta_slow times are divided by `factor`, between them a linear ramp.
class YarnRamp {
 public:
  YarnRamp(const RopeConfig& rope, std::int32_t head_dim) {
    const auto dimension = [&](double rotations) {
      return head_dim * std::log(rope.original_max_positions / (rotations * 2 * std::numbers::pi)) /
             (2 * std::log(rope.theta));
    };
    low_ = dimension(rope.beta_fast);
    high_ = dimension(rope.beta_slow);
    if (rope.truncate) {
      low_ = std::floor(low_);
      high_ = std::ceil(high_);
    }
    low_ = std::max(low_, 0.0);
    high_ = std::min(high_, head_dim - 1.0);
    if (low_ == high_) high_ += 0.001;
  }

  /// Share of the stretched frequency in that of dimension i.
  float stretched_share(std::size_t i) const {
    return static_cast<float>(std::clamp((static_cast<double>(i) - low_) / (high_ - low_), 0.0, 1.0));
  }

 private:
  double low_ = 0, high_ = 0;
};

void apply_yarn(const RopeConfig& rope, std::int32_t head_dim, std::span<float> frequencies) {
  const YarnRamp ramp(rope, head_dim);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float stretched = frequencies[i] / static_cast<float>(rope.factor);
    const float share = ramp.stretched_share(i);
    frequencies[i] = stretched * share + frequencies[i] * (1 - share);
  }
}

void divide(std::span<float> frequencies, std::span<const float> divisors) {
  GEMRING_CHECK(frequencies.size() == divisors.size(), "{} frequencies, {} divisors", frequencies.size(),
                divisors.size());
  for (std::size_t i = 0; i < frequencies.size(); ++i) frequencies[i] /= divisors[i];
}

}  // namespace

std::vector<float> inverse_frequencies(const RopeConfig& rope, std::int32_t head_dim, std::int32_t pass_tokens) {
  std::vector<float> frequencies(static_cast<std::size_t>(head_dim) / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    frequencies[i] = 1.0f / static_cast<float>(std::pow(rope.theta, static_cast<double>(exponent)));
  }
  const bool is_long = pass_tokens > rope.original_max_positions && !rope.long_divisors.empty();
  switch (rope.kind) {
    case RopeConfig::Kind::plain:
      break;
    case RopeConfig::Kind::linear:
      for (float& frequency : frequencies) frequency /= static_cast<float>(rope.factor);
      break;
    case RopeConfig::Kind::llama3:
      for (float& frequency : frequencies) frequency = llama3_scaled(frequency, rope);
      break;
    case RopeConfig::Kind::yarn:
      apply_yarn(rope, head_dim, frequencies);
      break;
    case RopeConfig::Kind::divisors:
      divide(frequencies, is_long ? rope.long_divisors : rope.divisors);
      break;
  }
  return frequencies;
}

void rotate(HeadsView<float> heads, const RopeRows& rotations) {
  switch (rotations.pairs) {
    case RopeConfig::Pairs::half_split:
      return rotate(heads, rotations.cos, rotations.sin);
    case RopeConfig::Pairs::interleaved:
      return rotate_interleaved(heads, rotations.cos, rotations.sin);
  }
}

RopeTable::RopeTable(std::span<const float> inverse_frequencies, std::span<const GlobalPosition> positions, float scale,
                     RopeConfig::Pairs pairs, RopeAngles angles)
    : pairs_(pairs),
      rows_(positions.size()),
      half_(inverse_frequencies.size()),
      cos_(rows_ * half_),
      sin_(rows_ * half_) {
#pragma omp parallel for schedule(static)
  for (std::size_t t = 0; t < rows_; ++t) {
    const auto position = static_cast<float>(positions[t].value());
    for (std::size_t i = 0; i < half_; ++i) {
      const double angle = angles == RopeAngles::exact
                               ? static_cast<double>(positions[t].value()) * static_cast<double>(inverse_frequencies[i])
                               : static_cast<double>(position * inverse_frequencies[i]);
      cos_[t * half_ + i] = static_cast<float>(std::cos(angle)) * scale;
      sin_[t * half_ + i] = static_cast<float>(std::sin(angle)) * scale;
    }
  }
}

RopeTable::RopeTable(std::size_t rows, std::int32_t head_dim, RopeConfig::Pairs pairs)
    : pairs_(pairs),
      rows_(rows),
      half_(static_cast<std::size_t>(head_dim) / 2),
      cos_(rows * half_),
      sin_(rows * half_) {}

void RopeTable::copy_row(std::size_t row, const RopeRows& from) {
  GEMRING_CHECK(row < rows_ && from.cos.rows() == 1 && from.cos.cols() == half_, "row {} of {}, from {} rows of {}",
                row, rows_, from.cos.rows(), from.cos.cols());
  std::copy_n(from.cos.row(0), half_, cos_.data() + row * half_);
  std::copy_n(from.sin.row(0), half_, sin_.data() + row * half_);
}

RopeTables::RopeTables(const ModelConfig& config, std::int32_t pass_tokens, std::span<const GlobalPosition> positions,
                       RopeAngles angles) {
  for (const RopeConfig& rope : config.ropes) {
    tables_.emplace_back(inverse_frequencies(rope, config.head_dim, pass_tokens), positions,
                         static_cast<float>(rope.attention_factor), rope.pairs, angles);
  }
}

RopeTables RopeTables::turns(const ModelConfig& config, std::int32_t pass_tokens, std::span<const GlobalPosition> by) {
  RopeTables turns;
  for (const RopeConfig& rope : config.ropes) {
    turns.tables_.emplace_back(inverse_frequencies(rope, config.head_dim, pass_tokens), by, 1.0f, rope.pairs,
                               RopeAngles::exact);
  }
  return turns;
}

RopeTables::RopeTables(const ModelConfig& config, std::size_t rows) {
  for (const RopeConfig& rope : config.ropes) tables_.emplace_back(rows, config.head_dim, rope.pairs);
}

void RopeTables::copy_row(std::size_t row, const RopeTables& from, std::size_t from_row) {
  GEMRING_CHECK(tables_.size() == from.tables_.size(), "{} ropes and {}", tables_.size(), from.tables_.size());
  for (std::size_t rope = 0; rope < tables_.size(); ++rope)
    tables_[rope].copy_row(row, from.rows(rope, from_row, from_row + 1));
}

}  // namespace gemring

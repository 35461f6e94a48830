#include "engine/model/rope.h"

#include <cmath>
#include <numbers>

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

}  // namespace

std::vector<float> inverse_frequencies(const RopeConfig& rope, std::int32_t head_dim) {
  std::vector<float> frequencies(static_cast<std::size_t>(head_dim) / 2);
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const auto power = static_cast<float>(std::pow(rope.theta, static_cast<double>(exponent)));
    frequencies[i] = 1.0f / power;
    if (rope.kind == RopeConfig::Kind::llama3) frequencies[i] = llama3_scaled(frequencies[i], rope);
  }
  return frequencies;
}

RopeTable::RopeTable(std::span<const float> inverse_frequencies, std::span<const GlobalPosition> positions)
    : rows_(positions.size()), half_(inverse_frequencies.size()), cos_(rows_ * half_), sin_(rows_ * half_) {
#pragma omp parallel for schedule(static)
  for (std::size_t t = 0; t < rows_; ++t) {
    const auto position = static_cast<float>(positions[t].value());
    for (std::size_t i = 0; i < half_; ++i) {
      const float angle = position * inverse_frequencies[i];
      cos_[t * half_ + i] = static_cast<float>(std::cos(static_cast<double>(angle)));
      sin_[t * half_ + i] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
}

}  // namespace gemring

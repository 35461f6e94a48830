// Rotary position embedding: cosines and sines of positions (RoFormer, arXiv 2104.09864; scalings in ModelConfig).
#pragma once

#include <span>
#include <vector>

#include "engine/base/types.h"
#include "engine/model/config.h"
#include "engine/tensor/buffer.h"
#include "engine/tensor/view.h"

namespace gemring {

/// Rotation per position of each pair, [head_dim / 2], scaling applied. `pass_tokens`: all that a pass will hold, its
/// prompt and the tokens to generate. It decides between longrope's two lists once for the whole pass: keys of one list
/// and queries of the other would not fit together.
std::vector<float> inverse_frequencies(const RopeConfig& rope, std::int32_t head_dim, std::int32_t pass_tokens);

/// cos and sin of consecutive rows of a table.   [rows, head_dim / 2] each
struct RopeRows {
  MatrixView<const float> cos;
  MatrixView<const float> sin;
  RopeConfig::Pairs pairs = RopeConfig::Pairs::half_split;
};

/// heads <- rotated, in place.   heads: [rows, heads, head_dim]
void rotate(HeadsView<float> heads, const RopeRows& rotations);

/// How the product of position and frequency is rounded. At position 100,000 the reference's f32 is visible in the
/// logits, and what is compared with it has to round so too; at a million it is off by 0.06 rad.
enum class RopeAngles { f32, exact };

/// cos and sin of position x frequency for all positions that a rank works on in a phase.
class RopeTable {
 public:
  RopeTable() = default;
  /// `scale`: of cosines and sines (RopeConfig::attention_factor).
  RopeTable(std::span<const float> inverse_frequencies, std::span<const GlobalPosition> positions, float scale = 1.0f,
            RopeConfig::Pairs pairs = RopeConfig::Pairs::half_split, RopeAngles angles = RopeAngles::f32);
  /// Of rows that copy_row() fills.
  RopeTable(std::size_t rows, std::int32_t head_dim, RopeConfig::Pairs pairs);

  RopeRows rows(std::size_t begin, std::size_t end) const {
    return {MatrixView<const float>(cos_.data(), rows_, half_).rows(begin, end),
            MatrixView<const float>(sin_.data(), rows_, half_).rows(begin, end), pairs_};
  }
  void copy_row(std::size_t row, const RopeRows& from);  // `from` has one row

 private:
  RopeConfig::Pairs pairs_ = RopeConfig::Pairs::half_split;
  std::size_t rows_ = 0;
  std::size_t half_ = 0;
  Buffer<float> cos_;  // [rows, head_dim / 2]
  Buffer<float> sin_;  // [rows, head_dim / 2]
};

/// The rotations of the same positions by each of a model's ropes: a layer takes those of its own (LayerShape::rope).
class RopeTables {
 public:
  RopeTables() = default;
  /// `pass_tokens` as for inverse_frequencies().
  RopeTables(const ModelConfig& config, std::int32_t pass_tokens, std::span<const GlobalPosition> positions,
             RopeAngles angles = RopeAngles::f32);
  /// Of rows that copy_row() fills.
  RopeTables(const ModelConfig& config, std::size_t rows);

  RopeRows rows(std::size_t rope, std::size_t begin, std::size_t end) const {
    return tables_.at(rope).rows(begin, end);
  }
  /// Rotations that move what is rotated already by so many positions further, unscaled. Exact angles.
  static RopeTables turns(const ModelConfig& config, std::int32_t pass_tokens, std::span<const GlobalPosition> by);
  /// Requires: `from` is of the same model.
  void copy_row(std::size_t row, const RopeTables& from, std::size_t from_row);

 private:
  std::vector<RopeTable> tables_;  // [ropes]
};

}  // namespace gemring

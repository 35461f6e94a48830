// Average pooling of scores: neighbours of a strong token come along.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gemring {

/// Widest pool: beyond it no token would be told from its neighbours.
inline constexpr std::int32_t kWidestPool = 65535;

/// Stride 1, zero padding, always divided by `width` (torch.nn.functional.avg_pool1d with count_include_pad).
/// scores: [n], in order of position, no NaN. Returns [n]: NaN where a window holds infinities of both signs. The cost
/// does not depend on `width`. Requires: width odd, 1..kWidestPool.
///
/// Up to a width of 31 a window is added in f32 in order of position, as the reference does: other orders round
/// differently and could change a tie. A wider window slides, in integers: its sum is exact, so that equal windows give
/// equal results wherever they stand. (Scores below 2^-66 of the largest one lose bits.)
std::vector<float> average_pool(std::span<const float> scores, std::int32_t width);

}  // namespace gemring

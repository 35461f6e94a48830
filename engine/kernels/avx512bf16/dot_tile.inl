// A register tile of bf16 dot products of pairs: what matmul and attention have in common. See
// vector.inl on what includes it.

namespace gemring {
namespace {

/// sum[r][c] += a[r, :] . b[:, c], of 16 columns each, over `tiles` times 32 of depth. A pair of a is broadcast to all
/// lanes, a vector of b holds a pair of each of its 16 columns:
///   a   [tiles, a_step apart][rows, 32 apart][32]
///   b   [tiles, b_step apart][columns, b_column apart][16 pairs][16][2]
template <std::size_t rows, std::size_t columns>
struct DotTile {
  static_assert(rows * columns + columns + 1 <= 32, "registers");
  __m512 sum[rows][columns];

  /// Stored row by row, 16 floats each; columns are `column` floats apart.
  [[gnu::always_inline]] void load(const float* from, std::size_t column) {
#pragma GCC unroll 16
    for (std::size_t r = 0; r < rows; ++r) {
#pragma GCC unroll 16
      for (std::size_t c = 0; c < columns; ++c) sum[r][c] = _mm512_loadu_ps(from + c * column + r * 16);
    }
  }

  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 16
    for (std::size_t r = 0; r < rows; ++r) {
#pragma GCC unroll 16
      for (std::size_t c = 0; c < columns; ++c) sum[r][c] = _mm512_setzero_ps();
    }
  }

  [[gnu::always_inline]] void store(float* to, std::size_t column) const {
#pragma GCC unroll 16
    for (std::size_t r = 0; r < rows; ++r) {
#pragma GCC unroll 16
      for (std::size_t c = 0; c < columns; ++c) _mm512_storeu_ps(to + c * column + r * 16, sum[r][c]);
    }
  }

  [[gnu::always_inline]] void multiply(const std::uint16_t* a, std::size_t a_step, const std::uint16_t* b,
                                       std::size_t b_column, std::size_t b_step, std::size_t tiles) {
    for (std::size_t tile = 0; tile < tiles; ++tile, a += a_step, b += b_step) {
#pragma GCC unroll 4  // the end of a longer loop is foreseen less often: 0.84 -> 0.87 of the limit of products
      for (std::size_t pair = 0; pair < 16; ++pair) {
        __m512bh x[columns];
#pragma GCC unroll 16
        for (std::size_t c = 0; c < columns; ++c) x[c] = (__m512bh)_mm512_loadu_si512(b + c * b_column + pair * 32);
#pragma GCC unroll 16
        for (std::size_t r = 0; r < rows; ++r) {
          int both;
          __builtin_memcpy(&both, a + r * 32 + 2 * pair, 4);
          const auto y = (__m512bh)_mm512_set1_epi32(both);
#pragma GCC unroll 16
          for (std::size_t c = 0; c < columns; ++c) sum[r][c] = _mm512_dpbf16_ps(sum[r][c], y, x[c]);
        }
      }
    }
  }
};

}  // namespace
}  // namespace gemring

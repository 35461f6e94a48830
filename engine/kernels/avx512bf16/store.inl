// From tiles of sums to memory, or to the tiles of the next product. See tile_product.h.

namespace gemring {
namespace {

void store(const TileOutput& output) {
  __m512i sums[16];
  for (std::size_t row = 0; row < kTileSide; ++row) sums[row] = _mm512_loadu_si512(output.sums + row * kTileSide);
  transpose_16x16(sums);
  const __mmask16 rows = lanes(static_cast<std::ptrdiff_t>(output.rows));
  for (std::size_t t = 0; t < output.tokens; ++t) {
    float* out = output.out + t * output.stride;
    __m512 result = (__m512)sums[t];
    if (output.add) result = _mm512_add_ps(result, _mm512_maskz_loadu_ps(rows, out));
    _mm512_mask_storeu_ps(out, rows, result);
  }
}

inline Floats gated_row(const GatedTile& gated, std::size_t row) {
  Floats gate = load(gated.gate + row * kTileSide);
  Floats up = load(gated.up + row * kTileSide);
  if (gated.gate_bias != nullptr) gate += splat(gated.gate_bias[row]);
  if (gated.up_bias != nullptr) up += splat(gated.up_bias[row]);
  return silu(gate) * up;
}

void store_gated(const GatedTile& gated) {
  std::uint16_t order[32];  // one number of the even row, one of the odd row
  for (unsigned i = 0; i < 16; ++i) {
    order[2 * i] = static_cast<std::uint16_t>(i);
    order[2 * i + 1] = static_cast<std::uint16_t>(16 + i);
  }
  const __m512i interleave = _mm512_loadu_si512(order);
  for (std::size_t pair = 0; pair < kTileSide / 2; ++pair) {
    const Floats even = gated_row(gated, 2 * pair);
    const Floats odd = gated_row(gated, 2 * pair + 1);
    const __m512i both = narrow_pair((__m512)even, (__m512)odd);
    _mm512_storeu_si512(gated.inputs + pair * kTileInputs, _mm512_permutexvar_epi16(interleave, both));
  }
}

}  // namespace
}  // namespace gemring

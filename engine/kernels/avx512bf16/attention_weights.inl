// A piece of bf16 attention, and its scores' way to weights: what the kernels on tiles (AMX) and on dot
// products of pairs share. The including file names kPanelRows, the rows of a panel, before it includes these files:
// attention_weights.inl, transpose.inl, attention_pack.inl, attention_memory.inl, attention_rows.inl.
//
// A piece is a panel of kPanelRows rows against a block of keys. What belongs to its rows lies in columns, row by row;
// K and V are in tiles (attention_pack.inl):
//   S = Q K^T
//   p = 2^(S - m)    rounded to bf16; those of two score columns are joined lane by lane
//   O += p V         beside it l, the sum of the rounded weights: what is normalised is what was added

namespace gemring {
namespace {

using Word = std::uint16_t;                             // a bf16
constexpr std::size_t kTileWords = 16 * 32;             // of K or V
constexpr std::size_t kColumnWords = kPanelRows * 32;   // 32 dimensions of Q, or 32 weights, of each row
constexpr std::size_t kColumnFloats = kPanelRows * 16;  // 16 scores or outputs of each row

/// `depth` stands for head_dim in units of 32 dimensions, `pairs` for the block's keys in units of 32.
struct Piece {
  const Word* q;      // [depth][kPanelRows][32]
  const Word* k;      // [2 pairs, depth] tiles
  const Word* v;      // [pairs, 2 depth] tiles
  float* s;           // [2 pairs][kPanelRows][16]
  Word* p;            // [pairs][kPanelRows][32]
  float* o;           // [2 depth + 1][kPanelRows][16]; the last column's lanes add up to l
  const float* bias;  // [kPanelRows]: -m
};

struct Exponential {
  __m512 c0, c1, c2, c3;
  __m512i upper_half;

  Exponential() {
    // 2^f on [0, 1), relative error below 7.5e-5 (Remez), and half a unit of bf16 there, 2^-8: cutting off then rounds
    c0 = _mm512_set1_ps(0.99992522f + 0x1p-8f);
    c1 = _mm512_set1_ps(0.69583354f);
    c2 = _mm512_set1_ps(0.22606716f);
    c3 = _mm512_set1_ps(0.07802452f);
    upper_half = _mm512_set1_epi32(static_cast<int>(0xffff0000u));
  }

  /// 2^t; the upper half of each lane is the result in bf16
  [[gnu::always_inline]] __m512i operator()(__m512 t) const {
    const __m512 f = _mm512_reduce_ps(t, 0x09);  // t - floor(t); 0 of infinity
    const __m512 p = _mm512_fmadd_ps(_mm512_fmadd_ps(_mm512_fmadd_ps(c3, f, c2), f, c1), f, c0);
    return _mm512_castps_si512(_mm512_scalef_ps(p, t));  // p 2^floor(t)
  }
};

/// Row `row` of score tiles 2 pair and 2 pair + 1. Keeps the largest weights.
template <bool biased>
[[gnu::always_inline]] inline void weigh_row(const Piece& piece, std::size_t pair, std::size_t row,
                                             const Exponential& exponential, __m512i& highest) {
  const float* s = piece.s + 2 * pair * kColumnFloats + row * 16;
  __m512 t0 = _mm512_load_ps(s);
  __m512 t1 = _mm512_load_ps(s + kColumnFloats);
  asm("" : "+v"(t0), "+v"(t1));  // or each would be read twice from memory, whose ports the products need
  if constexpr (biased) {
    const __m512 bias = _mm512_set1_ps(piece.bias[row]);
    t0 = _mm512_add_ps(t0, bias);
    t1 = _mm512_add_ps(t1, bias);
  }
  const __m512i joined = _mm512_ternarylogic_epi32(exponential(t1), exponential.upper_half,
                                                   _mm512_srli_epi32(exponential(t0), 16), 0xea);  // a & b | c
  highest = _mm512_max_epu16(highest, joined);
  _mm512_store_si512(piece.p + pair * kColumnWords + row * 32, joined);
}

}  // namespace
}  // namespace gemring

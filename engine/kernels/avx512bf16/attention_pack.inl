// Queries, keys and values as bf16, zero wherever there is nothing, in tiles of 1 KiB: what AMX multiplies at once, and
// what the bf16 dot products of pairs like as well. See attention_weights.inl on the including file.
//
//   Q   [32-dim columns][kPanelRows, 32 dims]: rows as they lie
//   K   [16 pairs of dims, 16 keys, 2]: tile t of a block holds its keys 16 t + n
//   V   [16 pairs of keys, 16 dims, 2]: pair n of tile t holds the block's keys 32 t + n and 32 t + 16 + n, because the
//       rounded weights of two score tiles are joined lane by lane

namespace gemring {
namespace {

/// 32 elements as bf16, those in `mask`; the others are zero.
template <DataType type>
inline __m512i load_32(const char* from, __mmask32 mask) {
  if constexpr (type == DataType::bf16) {
    return _mm512_maskz_loadu_epi16(mask, from);
  } else {
    const __m512 low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), from);
    const __m512 high = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), from + 64);
    const __m512bh rounded = _mm512_cvtne2ps_pbh(high, low);
    __m512i words;
    __builtin_memcpy(&words, &rounded, sizeof(words));
    return words;
  }
}

/// The keys or values of one key head; rows outside [from, to) and dimensions behind the last read as zeros.
struct KeyRows {
  const char* first;  // key 0, this head
  std::size_t stride;
  std::size_t head_dim;
  std::size_t from, to;

  /// Dimensions [dim, dim + 32) of keys [key, key + 16).
  template <DataType type>
  [[gnu::always_inline]] void load_16(std::size_t key, std::size_t dim, __m512i* rows) const {
    const char* at = first + key * stride + dim * (type == DataType::f32 ? 4 : 2);
    if (key >= from && key + 16 <= to && dim + 32 <= head_dim) {
#pragma GCC unroll 16
      for (std::size_t n = 0; n < 16; ++n) rows[n] = load_32<type>(at + n * stride, ~__mmask32{0});
      return;
    }
    const std::size_t left = dim < head_dim ? head_dim - dim : 0;
    const __mmask32 mask = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
    for (std::size_t n = 0; n < 16; ++n) {
      const bool inside = key + n >= from && key + n < to;
      rows[n] = inside && mask != 0 ? load_32<type>(at + n * stride, mask) : _mm512_setzero_si512();
    }
  }
};

/// K tiles [key_tiles, depth] of the keys from `begin` on.
template <DataType type>
void pack_keys(const KeyRows& rows, std::size_t begin, std::size_t key_tiles, std::size_t depth, Word* to) {
  for (std::size_t tile = 0; tile < key_tiles; ++tile) {
    for (std::size_t d = 0; d < depth; ++d) {
      __m512i keys[16];
      rows.load_16<type>(begin + tile * 16, d * 32, keys);
      transpose_16x16(keys);
      Word* target = to + (tile * depth + d) * kTileWords;
#pragma GCC unroll 16
      for (std::size_t n = 0; n < 16; ++n) _mm512_store_si512(target + n * 32, keys[n]);
    }
  }
}

/// V tiles [key_tiles / 2, 2 depth] of the keys from `begin` on.
template <DataType type>
void pack_values(const KeyRows& rows, std::size_t begin, std::size_t key_tiles, std::size_t depth, Word* to) {
  alignas(64) Word order[64];  // dims 0..15 and 16..31 of two rows, taken in turns
  for (std::size_t i = 0; i < 32; ++i) {
    order[2 * i] = static_cast<Word>(i);
    order[2 * i + 1] = static_cast<Word>(32 + i);
  }
  const __m512i low = _mm512_load_si512(order);
  const __m512i high = _mm512_load_si512(order + 32);
  for (std::size_t tile = 0; tile < key_tiles / 2; ++tile) {
    for (std::size_t d = 0; d < depth; ++d) {
      Word* target = to + (tile * depth + d) * 2 * kTileWords;
      __m512i even[16], odd[16];
      rows.load_16<type>(begin + tile * 32, d * 32, even);
      rows.load_16<type>(begin + tile * 32 + 16, d * 32, odd);
#pragma GCC unroll 16
      for (std::size_t n = 0; n < 16; ++n) {
        _mm512_store_si512(target + n * 32, _mm512_permutex2var_epi16(even[n], low, odd[n]));
        _mm512_store_si512(target + kTileWords + n * 32, _mm512_permutex2var_epi16(even[n], high, odd[n]));
      }
    }
  }
}

/// Keys and values [begin, begin + 16 key_tiles) of the shard, zeros where no row sees them.
void pack_chunk(const AttentionTile& tile, std::size_t begin, std::size_t key_tiles, std::size_t depth, Word* k,
                Word* v) {
  const KeysValues& kv = tile.kv;
  const std::size_t bytes = kv.type == DataType::f32 ? 4 : 2;
  const std::size_t head = tile.kv_head * kv.head_dim * bytes;
  KeyRows rows{static_cast<const char*>(kv.keys) + head, kv.kv_heads * kv.head_dim * bytes, kv.head_dim,
               static_cast<std::size_t>(tile.seen[0].begin), static_cast<std::size_t>(tile.seen[tile.tokens - 1].end)};
  const bool f32 = kv.type == DataType::f32;
  (f32 ? pack_keys<DataType::f32> : pack_keys<DataType::bf16>)(rows, begin, key_tiles, depth, k);
  rows.first = static_cast<const char*>(kv.values) + head;
  (f32 ? pack_values<DataType::f32> : pack_values<DataType::bf16>)(rows, begin, key_tiles, depth, v);
}

/// A query times `scale` into row `row` of its panel.
void pack_query(const float* query, std::size_t head_dim, float scale, std::size_t row, Word* panel) {
  Word* to = panel + row * 32;
  const __m512 factor = _mm512_set1_ps(scale);
  for (std::size_t d = 0; d < head_dim; d += 32, to += kColumnWords) {
    const std::size_t left = head_dim - d;
    const __mmask32 mask = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
    const __m512 low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), query + d);
    const __m512 high = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), query + d + 16);
    const __m512bh rounded = _mm512_cvtne2ps_pbh(_mm512_mul_ps(high, factor), _mm512_mul_ps(low, factor));
    __builtin_memcpy(to, &rounded, sizeof(rounded));
  }
}

}  // namespace
}  // namespace gemring

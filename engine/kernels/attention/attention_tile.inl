// Blocked attention with an online softmax (FlashAttention's recurrence), queries in the vector lanes:
//
//   rows    the tile's query heads, token by token, `group` heads each, in panels of P = 3 (or 2) vectors
//   S[key, row] = K[key, :] . Q[row, :] * scale           scores of a block of keys, one panel of rows at a time
//   m' = max(m, max over keys S),  a = 2^(m - m')
//   p[key, row] = 2^(S - m'),  l = a l + sum over keys p,  o[:, row] = a o[:, row] + sum over keys p V[key, :]
//
// With rows in the lanes K and V are read as they lie, one scalar broadcast to a vector of rows at a time, and maxima,
// sums and rescaling need no horizontal step. Both products share one register tile of 8 x P vectors.

namespace gemring {
namespace {

constexpr std::size_t kPanelVectors = W == 16 ? 3 : 2;  // 32 registers hold 8 x 3 sums; 16 hold 4 x 2
constexpr std::size_t kTileRows = W == 16 ? 8 : 4;      // keys (scores) or output dimensions (values) per register tile
constexpr std::size_t kPanel = kPanelVectors * W;       // query rows of a panel
constexpr std::size_t kKeyBlock = 128;                  // K, V and p of a block fit into L2, p of a panel into L1

/// Scratch of a tile, all f32. D = head_dim rounded up to kTileRows.
struct TileScratch {
  float* q;              // [panels, head_dim, kPanel]
  float* o;              // [panels, D, kPanel]
  float* m;              // [panels, kPanel]
  float* l;              // [panels, kPanel]
  std::int32_t* begins;  // [panels, kPanel]: first key that a row sees
  std::int32_t* ends;    // [panels, kPanel]: one behind the last
  float* k;              // [kKeyBlock, head_dim]
  float* v;              // [kKeyBlock, D]
  float* p;              // [kKeyBlock, kPanel]

  static std::size_t size(std::size_t rows, std::size_t head_dim) {
    const std::size_t panels = (rows + kPanel - 1) / kPanel;
    const std::size_t padded = round_up(head_dim, kTileRows);
    return panels * kPanel * (head_dim + padded + 4) + kKeyBlock * (head_dim + padded + kPanel);
  }

  TileScratch(float* memory, std::size_t panels, std::size_t head_dim) {
    const std::size_t padded = round_up(head_dim, kTileRows);
    q = memory;
    o = q + panels * kPanel * head_dim;
    m = o + panels * kPanel * padded;
    l = m + panels * kPanel;
    begins = reinterpret_cast<std::int32_t*>(l + panels * kPanel);
    ends = begins + panels * kPanel;
    k = l + 3 * panels * kPanel;
    v = k + kKeyBlock * head_dim;
    p = v + kKeyBlock * padded;
  }
};

/// sums[i] += sum over j < depth of a[i * row_step + j * depth_step] * b[j, 0..kPanel), i < kTileRows.
struct RegisterTile {
  Floats sums[kTileRows][kPanelVectors];

  void multiply(const float* a, std::size_t row_step, std::size_t depth_step, const float* b, std::size_t depth) {
    for (std::size_t j = 0; j < depth; ++j) {
      Floats lanes[kPanelVectors];
      for (std::size_t u = 0; u < kPanelVectors; ++u) lanes[u] = load(b + j * kPanel + u * W);
#pragma GCC unroll 8
      for (std::size_t i = 0; i < kTileRows; ++i) {
        const Floats x = splat(a[i * row_step + j * depth_step]);
#pragma GCC unroll 3
        for (std::size_t u = 0; u < kPanelVectors; ++u) sums[i][u] += x * lanes[u];
      }
    }
  }
};

/// Queries (scaled) and state of the tile into panels; rows beyond the last are zero and see no key.
void pack_tile(const AttentionTile& tile, const TileScratch& s, std::size_t panels) {
  const std::size_t head_dim = tile.kv.head_dim;
  const std::size_t group = tile.heads / tile.kv.kv_heads;
  const std::size_t padded = round_up(head_dim, kTileRows);
  const std::size_t rows = tile.tokens * group;
  for (std::size_t row = 0; row < panels * kPanel; ++row) {
    const std::size_t panel = row / kPanel;
    const std::size_t lane = row % kPanel;
    float* q = s.q + panel * head_dim * kPanel + lane;
    float* o = s.o + panel * padded * kPanel + lane;
    s.m[row] = kNothingSeen;
    s.l[row] = 0;
    s.begins[row] = 0;
    s.ends[row] = 0;
    for (std::size_t d = 0; d < padded; ++d) o[d * kPanel] = 0;
    if (row >= rows) {
      for (std::size_t d = 0; d < head_dim; ++d) q[d * kPanel] = 0;
      continue;
    }
    const std::size_t token = row / group;
    const std::size_t head = token * tile.heads + tile.kv_head * group + row % group;
    s.begins[row] = tile.seen[token].begin;
    s.ends[row] = tile.seen[token].end;
    for (std::size_t d = 0; d < head_dim; ++d) q[d * kPanel] = tile.queries[head * head_dim + d] * tile.scale;
    if (tile.first) continue;
    s.m[row] = tile.maxima[head];
    s.l[row] = tile.sums[head];
    for (std::size_t d = 0; d < head_dim; ++d) o[d * kPanel] = tile.outputs[head * head_dim + d];
  }
}

void unpack_tile(const AttentionTile& tile, const TileScratch& s) {
  const std::size_t head_dim = tile.kv.head_dim;
  const std::size_t group = tile.heads / tile.kv.kv_heads;
  const std::size_t padded = round_up(head_dim, kTileRows);
  for (std::size_t row = 0; row < tile.tokens * group; ++row) {
    const std::size_t head = row / group * tile.heads + tile.kv_head * group + row % group;
    const float* o = s.o + row / kPanel * padded * kPanel + row % kPanel;
    const float factor = tile.last ? 1.0f / s.l[row] : 1.0f;
    for (std::size_t d = 0; d < head_dim; ++d) tile.outputs[head * head_dim + d] = o[d * kPanel] * factor;
    tile.maxima[head] = s.m[row];
    tile.sums[head] = s.l[row];
  }
}

/// Keys and values [begin, begin + count) of the tile's key head as f32; rows up to the next multiple of kTileRows are
/// zero.
void pack_keys_values(const AttentionTile& tile, const TileScratch& s, std::size_t begin, std::size_t count) {
  const KeysValues& kv = tile.kv;
  const std::size_t bytes = kv.type == DataType::f32 ? 4 : 2;
  const std::size_t padded = round_up(kv.head_dim, kTileRows);
  for (std::size_t key = 0; key < count; ++key) {
    const std::size_t offset = ((begin + key) * kv.kv_heads + tile.kv_head) * kv.head_dim * bytes;
    widen(kv.type, static_cast<const char*>(kv.keys) + offset, s.k + key * kv.head_dim, kv.head_dim);
    widen(kv.type, static_cast<const char*>(kv.values) + offset, s.v + key * padded, kv.head_dim);
    for (std::size_t d = kv.head_dim; d < padded; ++d) s.v[key * padded + d] = 0;
  }
  for (std::size_t key = count; key < round_up(count, kTileRows); ++key) {
    for (std::size_t d = 0; d < kv.head_dim; ++d) s.k[key * kv.head_dim + d] = 0;
  }
}

/// p <- 2^(p - m'), m <- m', l <- a l + sum p; returns a in `rescale`. p: [count, kPanel].
void softmax_panel(float* p, std::size_t count, float* m, float* l, Floats* rescale) {
  for (std::size_t u = 0; u < kPanelVectors; ++u) {
    const Floats before = load(m + u * W);
    Floats highest = before;
    for (std::size_t key = 0; key < count; ++key) highest = larger(highest, load(p + key * kPanel + u * W));
    Floats sum = {};
    for (std::size_t key = 0; key < count; ++key) {
      const Floats e = exp2_of(load(p + key * kPanel + u * W) - highest);
      store(p + key * kPanel + u * W, e);
      sum += e;
    }
    rescale[u] = exp2_of(before - highest);
    store(m + u * W, highest);
    store(l + u * W, load(l + u * W) * rescale[u] + sum);
  }
}

/// Scores of keys that a row does not see become kNothingSeen. `begin`: the block's first key. A row that has seen no
/// key yet takes these for scores of their own; the first real one outweighs them by 2^(-1e30) = 0, as merge() does.
void mask_panel(float* p, const std::int32_t* begins, const std::int32_t* ends, std::size_t begin, std::size_t count) {
  for (std::size_t key = 0; key < count; ++key) {
    const Ints index = Ints{} + static_cast<std::int32_t>(begin + key);
    for (std::size_t u = 0; u < kPanelVectors; ++u) {
      const Ints first = *reinterpret_cast<const Ints*>(begins + u * W);
      const Ints limit = *reinterpret_cast<const Ints*>(ends + u * W);
      float* target = p + key * kPanel + u * W;
      store(target, ((index >= first) & (index < limit)) ? load(target) : splat(kNothingSeen));
    }
  }
}

/// One panel of rows against the packed block of keys [begin, begin + count).
void attend_panel(const TileScratch& s, std::size_t panel, std::size_t head_dim, std::size_t begin, std::size_t count,
                  bool masked) {
  const std::size_t padded = round_up(head_dim, kTileRows);
  const float* q = s.q + panel * head_dim * kPanel;
  float* o = s.o + panel * padded * kPanel;
  for (std::size_t key = 0; key < count; key += kTileRows) {
    RegisterTile tile = {};
    tile.multiply(s.k + key * head_dim, head_dim, 1, q, head_dim);
    for (std::size_t i = 0; i < kTileRows; ++i) {
      for (std::size_t u = 0; u < kPanelVectors; ++u) store(s.p + (key + i) * kPanel + u * W, tile.sums[i][u]);
    }
  }
  if (masked) mask_panel(s.p, s.begins + panel * kPanel, s.ends + panel * kPanel, begin, count);
  Floats rescale[kPanelVectors];
  softmax_panel(s.p, count, s.m + panel * kPanel, s.l + panel * kPanel, rescale);
  for (std::size_t d = 0; d < padded; d += kTileRows) {
    RegisterTile tile;
    for (std::size_t i = 0; i < kTileRows; ++i) {
      for (std::size_t u = 0; u < kPanelVectors; ++u) {
        tile.sums[i][u] = load(o + (d + i) * kPanel + u * W) * rescale[u];
      }
    }
    tile.multiply(s.v + d, 1, padded, s.p, count);
    for (std::size_t i = 0; i < kTileRows; ++i) {
      for (std::size_t u = 0; u < kPanelVectors; ++u) store(o + (d + i) * kPanel + u * W, tile.sums[i][u]);
    }
  }
}

std::size_t attention_scratch(std::size_t rows, std::size_t head_dim) {
  return TileScratch::size(rows, head_dim);
}

void attention_tile(const AttentionTile& tile, float* scratch) {
  const std::size_t group = tile.heads / tile.kv.kv_heads;
  const std::size_t panels = (tile.tokens * group + kPanel - 1) / kPanel;
  const TileScratch s(scratch, panels, tile.kv.head_dim);
  pack_tile(tile, s, panels);
  // Begins and ends ascend with the tokens: the first token sees the earliest key, the last token the latest.
  const auto end = static_cast<std::size_t>(tile.seen[tile.tokens - 1].end);
  for (auto begin = static_cast<std::size_t>(tile.seen[0].begin); begin < end; begin += kKeyBlock) {
    const std::size_t count = end - begin < kKeyBlock ? end - begin : kKeyBlock;
    pack_keys_values(tile, s, begin, count);
    for (std::size_t panel = 0; panel < panels; ++panel) {
      const std::size_t last_row = (panel + 1) * kPanel - 1;
      const KeyRange last = tile.seen[last_row / group < tile.tokens ? last_row / group : tile.tokens - 1];
      const KeyRange first = tile.seen[panel * kPanel / group];
      const bool too_early = static_cast<std::size_t>(last.end) <= begin;
      const bool too_late = static_cast<std::size_t>(first.begin) >= begin + count;
      if (too_early || too_late) continue;  // no row of the panel sees a key of the block
      const bool whole = static_cast<std::size_t>(first.end) >= begin + count &&  // each row sees all of them
                         static_cast<std::size_t>(last.begin) <= begin;
      attend_panel(s, panel, tile.kv.head_dim, begin, count, !whole);
    }
  }
  unpack_tile(tile, s);
}

}  // namespace
}  // namespace gemring

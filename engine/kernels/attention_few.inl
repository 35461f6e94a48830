// Decode: so few query heads that the lanes of a panel would stay empty. The head dimension lies in the lanes instead,
// one row after the other; the keys of a block are converted once for all rows. See attention_tile.inl for the
// recurrence.

namespace gemring {
namespace {

/// Index of a tile's row among all [tokens, heads].
inline std::size_t head_of(const AttentionTile& tile, std::size_t row) {
  const std::size_t group = tile.heads / tile.kv.kv_heads;
  return row / group * tile.heads + tile.kv_head * group + row % group;
}

/// Scaled queries into q: [rows, head_dim], before the outputs (which may be the same memory) are touched.
void begin_few(const AttentionTile& tile, std::size_t rows, float* q) {
  const std::size_t head_dim = tile.kv.head_dim;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t head = head_of(tile, row);
    for (std::size_t d = 0; d < head_dim; ++d) q[row * head_dim + d] = tile.queries[head * head_dim + d] * tile.scale;
    if (!tile.first) continue;
    for (std::size_t d = 0; d < head_dim; ++d) tile.outputs[head * head_dim + d] = 0;
    tile.maxima[head] = kNothingSeen;
    tile.sums[head] = 0;
  }
}

/// o <- rescale * o + sum over keys p[key] v[key].  v: [count, stride]
void add_values(float* o, float rescale, const float* p, const float* v, std::size_t stride, std::size_t count,
                std::size_t head_dim) {
  std::size_t d = 0;
  for (; d + W <= head_dim; d += W) {
    Floats sum = load(o + d) * rescale;
    for (std::size_t key = 0; key < count; ++key) sum += load(v + key * stride + d) * p[key];
    store(o + d, sum);
  }
  for (; d < head_dim; ++d) {
    float sum = o[d] * rescale;
    for (std::size_t key = 0; key < count; ++key) sum += v[key * stride + d] * p[key];
    o[d] = sum;
  }
}

/// One row against `count` keys of the packed block from `first` on. p: [kKeyBlock] scratch.
void attend_row(const AttentionTile& tile, std::size_t head, const float* q, const TileScratch& s, std::size_t first,
                std::size_t count) {
  const std::size_t head_dim = tile.kv.head_dim;
  const std::size_t stride = round_up(head_dim, kTileRows);
  float highest = tile.maxima[head];
  for (std::size_t key = 0; key < count; ++key) {
    dot_tokens<DataType::f32, 1>(s.k + (first + key) * head_dim, head_dim, q, 0, s.p + key);
    highest = s.p[key] > highest ? s.p[key] : highest;
  }
  for (std::size_t key = count; key < round_up(count, W); ++key) s.p[key] = kNothingSeen;
  Floats sum = {};
  for (std::size_t key = 0; key < count; key += W) {
    const Floats e = exp2_of(load(s.p + key) - highest);
    store(s.p + key, e);
    sum += e;
  }
  const float rescale = exp2_of(splat(tile.maxima[head] - highest))[0];
  tile.maxima[head] = highest;
  tile.sums[head] = tile.sums[head] * rescale + sum_of(sum);
  add_values(tile.outputs + head * head_dim, rescale, s.p, s.v + first * stride, stride, count, head_dim);
}

void attention_few(const AttentionTile& tile, float* scratch) {
  const std::size_t head_dim = tile.kv.head_dim;
  const std::size_t rows = tile.tokens * (tile.heads / tile.kv.kv_heads);  // at most kPanel
  const TileScratch s(scratch, 1, head_dim);
  begin_few(tile, rows, s.q);
  const auto last = static_cast<std::size_t>(tile.seen[tile.tokens - 1].end);
  for (auto begin = static_cast<std::size_t>(tile.seen[0].begin); begin < last; begin += kKeyBlock) {
    const std::size_t end = last - begin < kKeyBlock ? last : begin + kKeyBlock;
    pack_keys_values(tile, s, begin, end - begin);
    for (std::size_t row = 0; row < rows; ++row) {
      const KeyRange seen = tile.seen[row / (rows / tile.tokens)];
      const std::size_t from =
          static_cast<std::size_t>(seen.begin) > begin ? static_cast<std::size_t>(seen.begin) : begin;
      const std::size_t to = static_cast<std::size_t>(seen.end) < end ? static_cast<std::size_t>(seen.end) : end;
      if (from < to) attend_row(tile, head_of(tile, row), s.q + row * head_dim, s, from - begin, to - from);
    }
  }
  if (!tile.last) return;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::size_t head = head_of(tile, row);
    for (std::size_t d = 0; d < head_dim; ++d) tile.outputs[head * head_dim + d] /= tile.sums[head];
  }
}

}  // namespace
}  // namespace gemring

// Decode: so few query heads that the lanes of a panel would stay empty. The head dimension lies in the lanes instead;
// keys and values are read where they lie, once for four query heads. See attention_tile.inl for the recurrence.

namespace gemring {
namespace {

constexpr std::size_t kHeadsAtOnce = 4;               // query heads: each key and value is loaded once
constexpr std::size_t kFewKeys = 64;                  // per block: scores stay in L1
constexpr std::size_t kFewVectors = W == 16 ? 4 : 2;  // of a value: kHeadsAtOnce times as many sums stay in registers
static_assert(kFewKeys % W == 0);

/// Lane i of the result is half of a sum of a's (bit `d` of i is 0) or of b's lanes.
template <std::size_t d, std::size_t... i>
inline Floats fold(Floats a, Floats b, Lanes<i...>) {
  return __builtin_shufflevector(a, b, ((i & d) != 0 ? W + i - d : i)...) +
         __builtin_shufflevector(a, b, ((i & d) != 0 ? W + i : i + d)...);
}

/// Lane i of the result: the sum of the lanes of v[i]. Of all vectors at once, with three instructions for each.
template <std::size_t d = W / 2>
inline Floats sums_of(Floats* v) {
  for (std::size_t i = 0; i < d; ++i) v[i] = fold<d>(v[i], v[i + d], AllLanes());
  if constexpr (d > 1)
    return sums_of<d / 2>(v);
  else
    return v[0];
}

/// Keys or values of one head: element d of key i is at[i * stride + d].
struct HeadRows {
  const char* at;
  const char* ahead;   // the rows that are read next, fetched meanwhile: the processor follows no such steps by itself
  std::size_t stride;  // bytes
  std::size_t bytes;   // of a row

  const char* row(std::size_t i) const {
    for (std::size_t byte = 0; byte < bytes; byte += 64)
      __builtin_prefetch(ahead + i * stride + byte, 0, 2);  // into L2
    return at + i * stride;
  }
};

/// p[row, key] = q[row] . keys[key]; q: [rows, head_dim], p: [rows, kFewKeys]. Of keys up to the next vector: 0.
template <DataType type, std::size_t rows>
void score_few(const HeadRows& keys, std::size_t count, const float* q, std::size_t head_dim, float* p) {
  for (std::size_t first = 0; first < count; first += W) {
    Floats lanes[rows][W] = {};
    const std::size_t end = count - first < W ? count - first : W;
    for (std::size_t i = 0; i < end; ++i) {
      const char* key = keys.row(first + i);
      Floats sums[rows] = {};
      std::size_t d = 0;
      for (; d + W <= head_dim; d += W) {
        const Floats k = load_as<type>(key, d);
        for (std::size_t r = 0; r < rows; ++r) sums[r] += k * load(q + r * head_dim + d);
      }
      for (std::size_t r = 0; r < rows; ++r) lanes[r][i] = sums[r];
      for (; d < head_dim; ++d) {
        for (std::size_t r = 0; r < rows; ++r) lanes[r][i][0] += widen_one(type, key, d) * q[r * head_dim + d];
      }
    }
    for (std::size_t r = 0; r < rows; ++r) store(p + r * kFewKeys + first, sums_of(lanes[r]));
  }
}

/// p <- 2^(p - m'), m <- m', l <- a l + sum p; the result is a.
float softmax_few(float* p, std::size_t count, float& m, float& l) {
  for (std::size_t key = count; key < round_up(count, W); ++key) p[key] = kNothingSeen;
  Floats most = splat(m);
  for (std::size_t key = 0; key < count; key += W) most = larger(most, load(p + key));
  float highest = most[0];
  for (std::size_t lane = 1; lane < W; ++lane) highest = most[lane] > highest ? most[lane] : highest;
  Floats sum = {};
  for (std::size_t key = 0; key < count; key += W) {
    const Floats e = exp2_of(load(p + key) - highest);
    store(p + key, e);
    sum += e;
  }
  const float rescale = exp2_of(splat(m - highest))[0];
  m = highest;
  l = l * rescale + sum_of(sum);
  return rescale;
}

/// o[row, d...] <- rescale[row] o[row, d...] + sum over keys p[row, key] values[key, d...], `vectors` vectors of them.
template <DataType type, std::size_t rows, std::size_t vectors>
inline void add_values(const HeadRows& values, std::size_t count, const float* p, const float* rescale,
                       std::size_t head_dim, std::size_t d, float* o) {
  Floats sums[rows][vectors];
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < vectors; ++c) sums[r][c] = load(o + r * head_dim + d + c * W) * rescale[r];
  }
  for (std::size_t key = 0; key < count; ++key) {
    const char* value = d == 0 ? values.row(key) : values.at + key * values.stride;
    Floats v[vectors];
    for (std::size_t c = 0; c < vectors; ++c) v[c] = load_as<type>(value, d + c * W);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = 0; c < vectors; ++c) sums[r][c] += v[c] * splat(p[r * kFewKeys + key]);
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < vectors; ++c) store(o + r * head_dim + d + c * W, sums[r][c]);
  }
}

/// `rows` heads from `head` on, which share the key head of `keys` and `values`, against a block of these.
template <DataType type, std::size_t rows>
void attend_block(const AttentionTile& tile, std::size_t head, const HeadRows& keys, const HeadRows& values,
                  std::size_t count, const float* q) {
  const std::size_t head_dim = tile.kv.head_dim;
  float p[rows * kFewKeys];
  float rescale[rows];
  score_few<type, rows>(keys, count, q, head_dim, p);
  for (std::size_t r = 0; r < rows; ++r)
    rescale[r] = softmax_few(p + r * kFewKeys, count, tile.maxima[head + r], tile.sums[head + r]);
  float* o = tile.outputs + head * head_dim;
  std::size_t d = 0;
  for (; d + kFewVectors * W <= head_dim; d += kFewVectors * W)
    add_values<type, rows, kFewVectors>(values, count, p, rescale, head_dim, d, o);
  for (; d + W <= head_dim; d += W) add_values<type, rows, 1>(values, count, p, rescale, head_dim, d, o);
  for (; d < head_dim; ++d) {
    for (std::size_t r = 0; r < rows; ++r) {
      float sum = o[r * head_dim + d] * rescale[r];
      for (std::size_t key = 0; key < count; ++key)
        sum += widen_one(type, values.at + key * values.stride, d) * p[r * kFewKeys + key];
      o[r * head_dim + d] = sum;
    }
  }
}

/// `token`'s query heads of key head `kv_head` against keys [begin, begin + count); what is read next begins `ahead`
/// elements of keys and values behind it.
template <DataType type>
void attend_head(const AttentionTile& tile, std::size_t token, std::size_t kv_head, std::size_t begin,
                 std::size_t count, std::ptrdiff_t ahead, const float* q) {
  const KeysValues& kv = tile.kv;
  const std::size_t group = tile.heads / kv.kv_heads;
  constexpr std::size_t kBytes = block_bytes(type);
  const auto rows_of = [&](const void* all) {
    const char* at = static_cast<const char*>(all) + (begin * kv.kv_heads + kv_head) * kv.head_dim * kBytes;
    return HeadRows{at, at + ahead * static_cast<std::ptrdiff_t>(kBytes), kv.kv_heads * kv.head_dim * kBytes,
                    kv.head_dim * kBytes};
  };
  const HeadRows keys = rows_of(kv.keys);
  const HeadRows values = rows_of(kv.values);
  std::size_t head = token * tile.heads + kv_head * group;
  const std::size_t end = head + group;
  while (head < end) {
    const std::size_t rows = end - head < kHeadsAtOnce ? end - head : kHeadsAtOnce;
    const auto attend = [&](auto kernel) { kernel(tile, head, keys, values, count, q); };
    if (rows == 4)
      attend(attend_block<type, 4>);
    else if (rows == 3)
      attend(attend_block<type, 3>);
    else if (rows == 2)
      attend(attend_block<type, 2>);
    else
      attend(attend_block<type, 1>);
    q += rows * kv.head_dim;
    head += rows;
  }
}

/// Heads [begin, end) of all tokens: scaled queries into q before the outputs (which may be the same memory) are
/// touched, and the state's start.
void begin_few(const AttentionTile& tile, std::size_t begin, std::size_t end, float* q) {
  const std::size_t head_dim = tile.kv.head_dim;
  for (std::size_t i = begin * head_dim; i < end * head_dim; ++i) *q++ = tile.queries[i] * tile.scale;
  if (!tile.first) return;
  for (std::size_t i = begin * head_dim; i < end * head_dim; ++i) tile.outputs[i] = 0;
  for (std::size_t head = begin; head < end; ++head) {
    tile.maxima[head] = kNothingSeen;
    tile.sums[head] = 0;
  }
}

/// Block after block of keys, in it head after head: their rows lie in the same pages.
template <DataType type>
void attend_few(const AttentionTile& tile, std::size_t token, const float* q) {
  const KeysValues& kv = tile.kv;
  const std::size_t group = tile.heads / kv.kv_heads;
  const std::size_t heads = tile.kv_head_count;
  const auto head_dim = static_cast<std::ptrdiff_t>(kv.head_dim);
  const auto last = static_cast<std::size_t>(tile.seen[token].end);
  for (auto begin = static_cast<std::size_t>(tile.seen[token].begin); begin < last; begin += kFewKeys) {
    const std::size_t count = last - begin < kFewKeys ? last - begin : kFewKeys;
    for (std::size_t i = 0; i < heads; ++i) {
      // The next head's, or of the next block the first one's.
      const std::ptrdiff_t ahead =
          i + 1 < heads ? head_dim : static_cast<std::ptrdiff_t>(kFewKeys * kv.kv_heads - (heads - 1)) * head_dim;
      attend_head<type>(tile, token, tile.kv_head + i, begin, count, ahead, q + i * group * kv.head_dim);
    }
  }
}

void attention_few(const AttentionTile& tile, float* scratch) {
  const std::size_t head_dim = tile.kv.head_dim;
  const std::size_t group = tile.heads / tile.kv.kv_heads;
  for (std::size_t token = 0; token < tile.tokens; ++token) {
    const std::size_t begin = token * tile.heads + tile.kv_head * group;
    const std::size_t end = begin + tile.kv_head_count * group;
    begin_few(tile, begin, end, scratch);
    if (tile.kv.type == DataType::f32)
      attend_few<DataType::f32>(tile, token, scratch);
    else
      attend_few<DataType::bf16>(tile, token, scratch);
    if (!tile.last) continue;
    for (std::size_t head = begin; head < end; ++head) {
      for (std::size_t d = 0; d < head_dim; ++d) tile.outputs[head * head_dim + d] /= tile.sums[head];
    }
  }
}

}  // namespace
}  // namespace gemring

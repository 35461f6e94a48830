// Element-wise kernels and matrix-vector products. See vector.inl.

namespace gemring {
namespace {

template <DataType stored_type>
struct Stored {
  static constexpr DataType type = stored_type;
};

/// action(Stored<type>()): the type at run time becomes one at compile time.
template <class Action>
void with_type(DataType type, Action action) {
  switch (type) {
    case DataType::f32:
      return action(Stored<DataType::f32>());
    case DataType::f16:
      return action(Stored<DataType::f16>());
    case DataType::bf16:
      return action(Stored<DataType::bf16>());
    case DataType::q8_0:
      return action(Stored<DataType::q8_0>());
    case DataType::q4_0:
      return action(Stored<DataType::q4_0>());
    case DataType::q4_1:
      return action(Stored<DataType::q4_1>());
    case DataType::q5_0:
      return action(Stored<DataType::q5_0>());
    case DataType::q5_1:
      return action(Stored<DataType::q5_1>());
    case DataType::q4_k:
      return action(Stored<DataType::q4_k>());
    case DataType::q5_k:
      return action(Stored<DataType::q5_k>());
    case DataType::q6_k:
      return action(Stored<DataType::q6_k>());
  }
}

template <DataType type>
void widen_all(const void* in, float* out, std::size_t count) {
  std::size_t i = 0;
  for (; i + W <= count; i += W) store(out + i, load_as<type>(in, i));
  for (; i < count; ++i) out[i] = widen_one(type, in, i);
}

void widen(DataType from, const void* in, float* out, std::size_t count) {
  with_type(from, [&](auto stored) {
    constexpr DataType type = decltype(stored)::type;
    if constexpr (is_block_type(type))
      widen_blocks<type>(in, out, count);
    else
      widen_all<type>(in, out, count);
  });
}

void to_bf16(const float* in, std::uint16_t* out, std::size_t count) {
  std::size_t i = 0;
  for (; i + W <= count; i += W) {
    const Words bits = (Words)load(in + i);
    const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Words quiet = (bits >> 16) | 0x40u;
    const Words result = ((bits & 0x7fffffffu) > 0x7f800000u) ? quiet : rounded;
    *reinterpret_cast<Halves*>(out + i) = __builtin_convertvector(result, Halves);
  }
  for (; i < count; ++i) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, in + i, 4);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
    out[i] = static_cast<std::uint16_t>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
}

void rms_norm(const float* x, const float* weight, float epsilon, float* out, std::size_t count) {
  Floats squares[4] = {};
  std::size_t i = 0;
  for (; i + 4 * W <= count; i += 4 * W) {
    for (std::size_t u = 0; u < 4; ++u) {
      const Floats v = load(x + i + u * W);
      squares[u] += v * v;
    }
  }
  float sum = sum_of((squares[0] + squares[1]) + (squares[2] + squares[3]));
  for (; i < count; ++i) sum += x[i] * x[i];
  const float scale = 1.0f / __builtin_sqrtf(sum / static_cast<float>(count) + epsilon);
  for (i = 0; i + W <= count; i += W) store(out + i, load(x + i) * scale * load(weight + i));
  for (; i < count; ++i) out[i] = x[i] * scale * weight[i];
}

void silu_times(float* gate, const float* up, std::size_t count) {
  std::size_t i = 0;
  for (; i + W <= count; i += W) store(gate + i, silu(load(gate + i)) * load(up + i));
  if (i < count) {
    float lanes[W] = {};
    for (std::size_t j = i; j < count; ++j) lanes[j - i] = gate[j];
    store(lanes, silu(load(lanes)));
    for (std::size_t j = i; j < count; ++j) gate[j] = lanes[j - i] * up[j];
  }
}

constexpr std::size_t kDotChains = 4;                 // sums of a dot product that do not wait for each other
constexpr std::size_t kDotTokens = W == 16 ? 4 : 2;   // whose sums fit the registers
constexpr std::size_t kDotElements = kDotChains * W;  // of a row at a time

/// sums[r, t] = row r . x[t], `rows` rows `apart` bytes apart; weights are converted once for all tokens. The same sums
/// for any number of rows and tokens.
template <DataType type, std::size_t rows, std::size_t tokens>
inline void dot_tokens(const void* row, std::size_t apart, std::size_t cols, const float* x, std::size_t x_stride,
                       float* sums) {
  constexpr std::size_t kBytes = kDotElements * block_bytes(type);
  const auto stored = [&](std::size_t r) { return static_cast<const char*>(row) + r * apart; };
  Floats chains[rows][tokens][kDotChains] = {};
  std::size_t i = 0;
  for (; i + kDotElements <= cols; i += kDotElements) {
#pragma GCC unroll 2
    for (std::size_t r = 0; r < rows; ++r) {
      const char* at = stored(r) + i * block_bytes(type);
      for (std::size_t byte = 0; byte < kBytes; byte += 64) __builtin_prefetch(at + kReadAhead + byte);
#pragma GCC unroll 4
      for (std::size_t c = 0; c < kDotChains; ++c) {
        const Floats w = load_as<type>(stored(r), i + c * W);
        for (std::size_t t = 0; t < tokens; ++t) chains[r][t][c] += w * load(x + t * x_stride + i + c * W);
      }
    }
  }
  for (std::size_t r = 0; r < rows; ++r) {
    std::size_t j = i;
    for (; j + W <= cols; j += W) {
      const Floats w = load_as<type>(stored(r), j);
      for (std::size_t t = 0; t < tokens; ++t) chains[r][t][0] += w * load(x + t * x_stride + j);
    }
    float* own = sums + r * tokens;
    for (std::size_t t = 0; t < tokens; ++t)
      own[t] = sum_of((chains[r][t][0] + chains[r][t][1]) + (chains[r][t][2] + chains[r][t][3]));
    for (; j < cols; ++j) {
      const float w = widen_one(type, stored(r), j);
      for (std::size_t t = 0; t < tokens; ++t) own[t] += w * x[t * x_stride + j];
    }
  }
}

template <DataType type>
void dot_rows_of(const WeightMatrix& weights, std::size_t begin, std::size_t end, const float* x, std::size_t x_stride,
                 std::size_t tokens, float* out, std::size_t out_stride, bool add) {
  const std::size_t stride = weights.cols * block_bytes(type);
  const auto put = [&](std::size_t token, std::size_t row, float sum) {
    float& target = out[token * out_stride + row];
    target = add ? target + sum : sum;
  };
  for (std::size_t row = begin; row < end; ++row) {
    const void* w = static_cast<const char*>(weights.data) + row * stride;
    std::size_t token = 0;
    float sums[kDotTokens];
    for (; token + kDotTokens <= tokens; token += kDotTokens) {
      dot_tokens<type, 1, kDotTokens>(w, 0, weights.cols, x + token * x_stride, x_stride, sums);
      for (std::size_t t = 0; t < kDotTokens; ++t) put(token + t, row, sums[t]);
    }
    for (; token < tokens; ++token) {
      dot_tokens<type, 1, 1>(w, 0, weights.cols, x + token * x_stride, x_stride, sums);
      put(token, row, sums[0]);
    }
  }
}

/// Of one token, both streams at once.
template <DataType type>
void dot_row_pairs(const WeightMatrix& weights, const RowStreams& rows, const float* x, float* out, bool add) {
  const std::size_t stride = weights.cols * block_bytes(type);
  for (std::size_t row = rows.begin; row < rows.end; ++row) {
    const void* w = static_cast<const char*>(weights.data) + row * stride;
    float sums[2];
    dot_tokens<type, 2, 1>(w, rows.apart * stride, weights.cols, x, 0, sums);
    out[row] = add ? out[row] + sums[0] : sums[0];
    out[row + rows.apart] = add ? out[row + rows.apart] + sums[1] : sums[1];
  }
}

void dot_rows(const WeightMatrix& weights, const RowStreams& rows, const float* x, std::size_t x_stride,
              std::size_t tokens, float* out, std::size_t out_stride, bool add) {
  with_type(weights.type, [&](auto stored) {
    constexpr DataType type = decltype(stored)::type;
    if constexpr (!is_block_type(type)) {
      if (rows.apart != 0 && tokens == 1) return dot_row_pairs<type>(weights, rows, x, out, add);
    }
    const auto each = [&](std::size_t begin, std::size_t end) {  // limited by arithmetic
      if constexpr (is_block_type(type))
        dot_rows_of_blocks<type>(weights, begin, end, x, x_stride, tokens, out, out_stride, add);
      else
        dot_rows_of<type>(weights, begin, end, x, x_stride, tokens, out, out_stride, add);
    };
    each(rows.begin, rows.end);
    if (rows.apart != 0) each(rows.begin + rows.apart, rows.end + rows.apart);
  });
}

void score_keys(const float* q, std::size_t heads, const float* keys, std::size_t count, std::size_t kv_heads,
                std::size_t head_dim, float* scores) {
  const std::size_t group = heads / kv_heads;
  for (std::size_t key = 0; key < count; ++key) {
    float score = 0;
    for (std::size_t h = 0; h < heads; ++h) {
      float dot;
      dot_tokens<DataType::f32, 1, 1>(keys + (key * kv_heads + h / group) * head_dim, 0, head_dim, q + h * head_dim, 0,
                                      &dot);
      score += dot;
    }
    scores[key] = score;
  }
}

}  // namespace
}  // namespace gemring

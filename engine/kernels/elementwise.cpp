#include "engine/kernels/elementwise.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/trace.h"
#include "engine/kernels/kernel_table.h"
#include "engine/kernels/quantise.h"

namespace gemring {
namespace {
constexpr std::size_t kPiece = 1u << 16;  // elements of a conversion per task
}

void rms_norm(MatrixView<const float> x, std::span<const float> weight, float epsilon, MatrixView<float> out) {
  GEMRING_CHECK(x.cols() == weight.size() && out.cols() == x.cols() && out.rows() == x.rows(),
                "x [{}, {}], weight [{}]", x.rows(), x.cols(), weight.size());
  const TraceSpan span("norm", SpanKind::norm, x.rows());
  const KernelTable& table = kernels();
#pragma omp parallel for schedule(static) if (x.rows() > 1)
  for (std::size_t t = 0; t < x.rows(); ++t) table.rms_norm(x.row(t), weight.data(), epsilon, out.row(t), x.cols());
}

void silu_times(MatrixView<float> gate, MatrixView<const float> up) {
  GEMRING_CHECK(gate.rows() == up.rows() && gate.cols() == up.cols(), "gate [{}, {}], up [{}, {}]", gate.rows(),
                gate.cols(), up.rows(), up.cols());
  const TraceSpan span("silu", SpanKind::silu, gate.rows());
  const KernelTable& table = kernels();
#pragma omp parallel for schedule(static) if (gate.rows() > 1)
  for (std::size_t t = 0; t < gate.rows(); ++t) table.silu_times(gate.row(t), up.row(t), gate.cols());
}

namespace {

void rotate_each(HeadsView<float> x, MatrixView<const float> cos, MatrixView<const float> sin,
                 void (*rotate_head)(float*, const float*, const float*, std::size_t)) {
  GEMRING_CHECK(x.tokens() == cos.rows() && cos.cols() * 2 == x.head_dim() && sin.rows() == cos.rows(),
                "x [{}, {}, {}], cos [{}, {}]", x.tokens(), x.heads(), x.head_dim(), cos.rows(), cos.cols());
  const TraceSpan span("rope", SpanKind::rope, x.tokens());
#pragma omp parallel for schedule(static) if (x.tokens() > 1)
  for (std::size_t t = 0; t < x.tokens(); ++t) {
    for (std::size_t h = 0; h < x.heads(); ++h) rotate_head(x.head(t, h), cos.row(t), sin.row(t), cos.cols());
  }
}

}  // namespace

void rotate(HeadsView<float> x, MatrixView<const float> cos, MatrixView<const float> sin) {
  rotate_each(x, cos, sin, kernels().rotate);
}

void rotate_interleaved(HeadsView<float> x, MatrixView<const float> cos, MatrixView<const float> sin) {
  rotate_each(x, cos, sin, kernels().rotate_interleaved);
}

void add_bias(MatrixView<float> x, std::span<const float> bias) {
  GEMRING_CHECK(x.cols() == bias.size(), "x [{}, {}], bias [{}]", x.rows(), x.cols(), bias.size());
  const TraceSpan span("bias", SpanKind::add, x.rows());
#pragma omp parallel for schedule(static) if (x.rows() > 1)
  for (std::size_t t = 0; t < x.rows(); ++t) {
    float* row = x.row(t);
    for (std::size_t i = 0; i < bias.size(); ++i) row[i] += bias[i];
  }
}

void score_keys(std::span<const float> query, HeadsView<const float> keys, std::span<float> scores) {
  GEMRING_CHECK(scores.size() == keys.tokens() && query.size() % keys.stride() == 0,
                "query {}, keys [{}, {}, {}], scores {}", query.size(), keys.tokens(), keys.heads(), keys.head_dim(),
                scores.size());
  const TraceSpan span("scores", SpanKind::attention, keys.tokens());
  const KernelTable& table = kernels();
  const std::size_t heads = query.size() / keys.head_dim();
#pragma omp parallel for schedule(static)
  for (std::size_t t = 0; t < keys.tokens(); ++t) {
    table.score_keys(query.data(), heads, keys.token(t), 1, keys.heads(), keys.head_dim(), &scores[t]);
  }
}

void widen(DataType from, const void* in, float* out, std::size_t count) {
  GEMRING_CHECK(count % block_elements(from) == 0, "{} elements of {}", count, name(from));
  const KernelTable& table = kernels();
#pragma omp parallel for schedule(static) if (count > kPiece)
  for (std::size_t i = 0; i < count; i += kPiece) {
    table.widen(from, static_cast<const std::byte*>(in) + row_bytes(from, i), out + i, std::min(kPiece, count - i));
  }
}

void narrow(const float* in, DataType to, void* out, std::size_t count) {
  GEMRING_CHECK(
      to == DataType::f32 || to == DataType::bf16 || (to == DataType::q8_0 && count % block_elements(to) == 0),
      "{} elements to {}", count, name(to));
  const KernelTable& table = kernels();
#pragma omp parallel for schedule(static) if (count > kPiece)
  for (std::size_t i = 0; i < count; i += kPiece) {
    const std::size_t n = std::min(kPiece, count - i);
    std::byte* piece = static_cast<std::byte*>(out) + row_bytes(to, i);
    if (to == DataType::f32)
      std::memcpy(piece, in + i, n * sizeof(float));
    else if (to == DataType::bf16)
      table.to_bf16(in + i, reinterpret_cast<std::uint16_t*>(piece), n);
    else
      quantise(in + i, to, piece, n);
  }
}

void convert(DataType from, const void* in, DataType to, void* out, std::size_t count) {
  if (from == to) {
    std::memcpy(out, in, row_bytes(from, count));
  } else if (to == DataType::f32) {
    widen(from, in, static_cast<float*>(out), count);
  } else if (from == DataType::f32) {
    narrow(static_cast<const float*>(in), to, out, count);
  } else {  // through f32, as much at a time as a core's first cache holds
    constexpr std::size_t kSmallPiece = 8192;
#pragma omp parallel for schedule(static) if (count > kSmallPiece)
    for (std::size_t i = 0; i < count; i += kSmallPiece) {
      std::array<float, kSmallPiece> piece;
      const std::size_t n = std::min(kSmallPiece, count - i);
      widen(from, static_cast<const std::byte*>(in) + row_bytes(from, i), piece.data(), n);
      narrow(piece.data(), to, static_cast<std::byte*>(out) + row_bytes(to, i), n);
    }
  }
}

}  // namespace gemring

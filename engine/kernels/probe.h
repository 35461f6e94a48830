// What kernels are measured against (bench/): the machine's own limits, taken in the same minutes.
#pragma once

#include <optional>

#include "engine/tensor/view.h"

namespace gemring {

/// f32 fused multiply-adds of all OpenMP threads together, GFLOP/s, over about a tenth of a second: the limit of any
/// f32 kernel of active_isa().
double measure_f32_fma_gflops();

/// The same of bf16 dot products with f32 sums (AVX-512 BF16, AMX tiles); nothing where active_isa() has none.
std::optional<double> measure_bf16_gflops();

/// The same of dot products of bytes in int32 (AVX-512 VNNI, AMX tiles), GOP/s.
std::optional<double> measure_int8_gops();

/// Whether one thread's bf16 dot products by vector instructions are clearly faster than its f32 multiply-adds: some
/// processors have the instructions but run them slowly. A few milliseconds. The machine must have avx512bf16.
bool bf16_is_faster();

/// Seconds of one plain OpenBLAS sgemm, out <- x w^T, with as many OpenBLAS threads as OpenMP would use; afterwards
/// OpenBLAS is single-threaded again.   x: [tokens, cols], w: [rows, cols], out: [tokens, rows]
double measure_sgemm_seconds(MatrixView<const float> x, MatrixView<const float> w, MatrixView<float> out);

}  // namespace gemring

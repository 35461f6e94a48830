// What `gemring bench kernels` measures: single kernels at the reference shape, each in turns with the limit that it is
// a share of, so that other loads meet both.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/kernels/compute.h"
#include "engine/tensor/data_type.h"

namespace gemring {

struct KernelRate {
  std::string kernel;  // "linear", "attention" or "decode"
  std::string shape;
  std::int32_t tokens = 0;                 // of the activations; of attention: queries and keys
  DataType weights = DataType::f32;        // as stored; of attention: keys and values
  ComputeType compute = ComputeType::f32;  // type in which activations enter the products
  std::vector<double> seconds;             // of each repetition
  double rate = 0;                         // at the median of seconds, in the unit of the limit
  double limit = 0;                        // of products the best of the repetitions; of sgemm and memory the median
  std::string limit_name;

  double share() const { return limit > 0 ? rate / limit : 0; }
};

struct KernelRateOptions {
  int repetitions = 5;
  std::size_t linear_tokens = 512;       // rows of the activations of a linear layer
  std::size_t attention_tokens = 16384;  // queries and keys
  double linear_gflop = 20;  // of a repetition, as many calls: a small shape alone is shorter than others' turns
  std::size_t decode_matrix_bytes = std::size_t{1} << 30;  // more than any cache, as MemoryProbe
};

/// Receives each figure as soon as it is there: all of them take minutes.
using KernelRateSink = std::function<void(const KernelRate&)>;

/// Linear layers of a prefill: in f32 against OpenBLAS's sgemm with f32 weights at the same shape, in bf16 and
/// with weights in blocks in int8 (where the instruction set has them) against the limit of such products. GFLOP/s.
void measure_linear_layers(const KernelRateOptions& options, const KernelRateSink& sink);

/// Causal attention against the limit of the products it uses. GFLOP/s of the causal half.
void measure_attention(const KernelRateOptions& options, const KernelRateSink& sink);

/// Products of one token with a matrix that no cache holds against the memory's read rate. GB/s of weights.
void measure_decode_products(const KernelRateOptions& options, const KernelRateSink& sink);

}  // namespace gemring

// What `gemring bench` prints: tables for people, and lines of JSON (proto/inference.proto). Texts end in a newline.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "distributed/session/session.h"
#include "launch/measure/kernel_rates/kernel_rates.h"
#include "launch/measure/limits.h"

namespace gemring {

double median(std::vector<double> values);  // of an even number: the mean of the middle two

/// What the threads of a rank reach together.
struct RankLimits {
  RankId rank;
  std::string host;
  std::int32_t threads = 0;
  std::string kernels;
  double f32_gflops = 0;
  double bf16_gflops = 0;  // 0: the instruction set has none
  double int8_gops = 0;    // the same
  double memory_read_gbs = 0;
};

std::string limits_table(const std::vector<RankLimits>& limits);
std::string limits_lines(const std::vector<RankLimits>& limits);  // Limits, one a rank

/// One row at a time, because they come minutes apart.
std::string kernel_table_head();
std::string kernel_table_row(const KernelRate& rate);
std::string kernel_line(const KernelRate& rate);  // KernelReport

/// One pass, measured or to warm up.
struct BenchRun {
  bool warmup = false;
  double seconds = 0;  // what counts: to the first token, or of the tokens behind it
  double time_to_first_token_seconds = 0;
  std::vector<PhaseReport> phases;  // of all ranks
};

/// Where a rank's threads run, and on what.
struct RankMachine {
  RankId rank;
  std::string host;
  std::string processor;  // empty where the machine does not tell
  std::vector<int> cores;
  bool pinned = false;  // each thread to one of `cores`
  std::string blas_core;
};

struct BenchResult {
  std::string benchmark;
  std::int32_t tokens = 0;     // length of the prompt
  double counted_tokens = 0;   // what a repetition's seconds were spent on
  std::vector<BenchRun> runs;  // warm-ups and at least one that is none
  std::vector<RankReport> ranks;
  std::vector<RankMachine> machines;
  double giga_work = 0;  // 1e9 FLOP or bytes that a repetition's seconds were spent on, in the unit of the limit
  Limit limiting = Limit::f32_products;
  double limit = 0;  // of all ranks that take part
  DataType weights = DataType::f32;
  ComputeType compute = ComputeType::f32;
  DataType kv_type = DataType::f32;
  DataType message_type = DataType::f32;
  std::int32_t kept_tokens = 0;              // length of the pass through all layers
  std::optional<std::int32_t> filter_layer;  // gemfilter only
  std::string filter_model;                  // its name; empty: the model filters itself
  std::int32_t decode_tokens = 0;            // steps behind the first token
};

std::vector<double> repetition_seconds(const BenchResult& result);      // without the warm-ups
std::vector<PhaseReport> repetition_phases(const BenchResult& result);  // the same, of all of them as they came

/// Of a phase the rank that worked longest counts.
struct PhaseShare {
  std::string name;
  double seconds = 0;  // mean of the repetitions, waiting for other ranks left out
  double share = 0;    // of the seconds of all phases
};
std::vector<PhaseShare> phase_shares(const std::vector<PhaseReport>& phases, std::size_t repetitions);

double tokens_per_second(const BenchResult& result);  // at the median
double share_of_limit(const BenchResult& result);     // the same
std::uint64_t largest_peak_rss(const std::vector<RankReport>& ranks);

std::string bench_table(const BenchResult& result);
std::string bench_line(const BenchResult& result);  // BenchReport

}  // namespace gemring

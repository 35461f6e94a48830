// The reports of `--json`: messages of proto/inference.proto.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "distributed/session/session.h"
#include "engine/text/tokenizer.h"
#include "launch/options.h"

namespace gemring {

/// The report of a request as JSON with the proto's field names, default values printed. `tokenizer` may be nullptr:
/// texts are empty then.
std::string generation_report(const GenerationResult& result, const std::vector<TokenId>& prompt,
                              const Tokenizer* tokenizer);

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

/// A table for people, and LimitsReport (inference.proto) in JSON.
std::string limits_table(const std::vector<RankLimits>& limits);
std::string limits_report(const std::vector<RankLimits>& limits);

struct BenchResult {
  std::string benchmark;
  std::int32_t tokens = 0;      // length of the prompt
  double counted_tokens = 0;    // what a repetition's seconds were spent on
  std::vector<double> seconds;  // of each repetition, at least one
  std::vector<RankReport> ranks;
};

double median(std::vector<double> values);            // of an even number: the mean of the middle two
double tokens_per_second(const BenchResult& result);  // at the median
std::uint64_t largest_peak_rss(const std::vector<RankReport>& ranks);

std::string bench_report(const BenchResult& result);

/// What people read on stderr or stdout: one line per phase and rank.
std::string phase_table(const GenerationResult& result);

}  // namespace gemring

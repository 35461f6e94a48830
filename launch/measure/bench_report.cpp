#include "launch/measure/bench_report.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <map>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/format.h"
#include "engine/kernels/isa.h"
#include "launch/output/json_line_text.h"
#include "launch/output/proto_json.h"
#include "launch/output/report.h"
#include "launch/start/version.h"
#include "proto/inference.pb.h"

namespace gemring {
namespace {

std::int32_t most_threads(const std::vector<RankReport>& ranks) {
  std::int32_t most = 0;
  for (const RankReport& rank : ranks) most = std::max(most, rank.threads);
  return most;
}

double rate(const BenchResult& result) {
  return result.giga_work / median(repetition_seconds(result));
}

std::vector<PhaseShare> shares_of(const BenchResult& result) {
  return phase_shares(repetition_phases(result), repetition_seconds(result).size());
}

void add_runs(const BenchResult& result, proto::BenchReport& report) {
  for (const BenchRun& run : result.runs) {
    proto::BenchRun& entry = *report.add_runs();
    entry.set_warmup(run.warmup);
    entry.set_seconds(run.seconds);
    entry.set_time_to_first_token_seconds(run.time_to_first_token_seconds);
    for (const PhaseReport& phase : run.phases) to_proto(phase, *entry.add_phases());
  }
}

void add_machines(const BenchResult& result, proto::BenchReport& report) {
  for (const RankMachine& machine : result.machines) {
    proto::RankMachine& entry = *report.add_machines();
    entry.set_rank(machine.rank.value());
    entry.set_host(machine.host);
    entry.set_processor(machine.processor);
    entry.mutable_cores()->Add(machine.cores.begin(), machine.cores.end());
    entry.set_pinned(machine.pinned);
    entry.set_blas_core(machine.blas_core);
  }
}

}  // namespace

double median(std::vector<double> values) {
  GEMRING_CHECK(!values.empty(), "no values");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<double> repetition_seconds(const BenchResult& result) {
  std::vector<double> seconds;
  for (const BenchRun& run : result.runs) {
    if (!run.warmup) seconds.push_back(run.seconds);
  }
  return seconds;
}

std::vector<PhaseReport> repetition_phases(const BenchResult& result) {
  std::vector<PhaseReport> phases;
  for (const BenchRun& run : result.runs) {
    if (!run.warmup) phases.insert(phases.end(), run.phases.begin(), run.phases.end());
  }
  return phases;
}

std::string limits_table(const std::vector<RankLimits>& limits) {
  const auto cell = [](double value) { return value > 0 ? fmt::format("{:.0f}", value) : std::string("-"); };
  std::string text = fmt::format("{:>4}  {:<16} {:>7}  {:<10} {:>12} {:>12} {:>12} {:>12}\n", "rank", "host", "threads",
                                 "kernels", "f32 GFLOP/s", "bf16 GFLOP/s", "int8 GOP/s", "memory GB/s");
  for (const RankLimits& rank : limits) {
    text += fmt::format("{:>4}  {:<16} {:>7}  {:<10} {:>12} {:>12} {:>12} {:>12.1f}\n", rank.rank.value(), rank.host,
                        rank.threads, rank.kernels, cell(rank.f32_gflops), cell(rank.bf16_gflops), cell(rank.int8_gops),
                        rank.memory_read_gbs);
  }
  return text;
}

std::string limits_lines(const std::vector<RankLimits>& limits) {
  std::string lines;
  for (const RankLimits& rank : limits) {
    proto::Limits entry;
    entry.set_benchmark("limits");
    entry.set_rank(rank.rank.value());
    entry.set_host(rank.host);
    entry.set_threads(rank.threads);
    entry.set_kernels(rank.kernels);
    entry.set_f32_gflops(rank.f32_gflops);
    entry.set_bf16_gflops(rank.bf16_gflops);
    entry.set_int8_gops(rank.int8_gops);
    entry.set_memory_read_gbs(rank.memory_read_gbs);
    lines += json_line(entry);
  }
  return lines;
}

std::string kernel_table_head() {
  return fmt::format("| {:<9} | {:<28} | {:>6} | {:<7} | {:<8} | {:>8} | {:>8} | {:>5} | {:<22} |\n", "kernel", "shape",
                     "tokens", "weights", "products", "rate", "limit", "share", "limited by") +
         fmt::format("|{:->11}|{:->30}|{:->8}|{:->9}|{:->10}|{:->10}|{:->10}|{:->7}|{:->24}|\n", "", "", "", "", "", "",
                     "", "", "");
}

std::string kernel_table_row(const KernelRate& rate) {
  return fmt::format("| {:<9} | {:<28} | {:>6} | {:<7} | {:<8} | {:>8.1f} | {:>8.1f} | {:>5.2f} | {:<22} |\n",
                     rate.kernel, rate.shape, rate.tokens, name(rate.weights), name(rate.compute), rate.rate,
                     rate.limit, rate.share(), rate.limit_name);
}

std::string kernel_line(const KernelRate& rate) {
  proto::KernelReport report;
  report.set_benchmark("kernels");
  report.set_kernel(rate.kernel);
  report.set_shape(rate.shape);
  report.set_tokens(rate.tokens);
  report.set_weights(std::string(name(rate.weights)));
  report.set_compute(std::string(name(rate.compute)));
  report.set_isa(std::string(name(active_isa())));
  report.set_threads(omp_get_max_threads());
  report.mutable_seconds()->Add(rate.seconds.begin(), rate.seconds.end());
  report.set_rate(rate.rate);
  report.set_limit(rate.limit);
  report.set_limit_name(rate.limit_name);
  report.set_share_of_limit(rate.share());
  return json_line(report);
}

std::vector<PhaseShare> phase_shares(const std::vector<PhaseReport>& phases, std::size_t repetitions) {
  std::vector<PhaseShare> shares;
  std::map<std::pair<std::string, RankId>, double> seconds;
  for (const PhaseReport& phase : phases) {
    const auto found = std::find_if(shares.begin(), shares.end(), [&](const auto& s) { return s.name == phase.name; });
    if (found == shares.end()) shares.push_back({.name = phase.name});
    seconds[{phase.name, phase.rank}] += phase.compute_seconds();
  }
  double all = 0;
  for (PhaseShare& share : shares) {
    for (const auto& [where, spent] : seconds) {
      if (where.first == share.name) share.seconds = std::max(share.seconds, spent / static_cast<double>(repetitions));
    }
    all += share.seconds;
  }
  for (PhaseShare& share : shares) share.share = all > 0 ? share.seconds / all : 0;
  return shares;
}

double tokens_per_second(const BenchResult& result) {
  return result.counted_tokens / median(repetition_seconds(result));
}

double share_of_limit(const BenchResult& result) {
  return result.limit > 0 ? rate(result) / result.limit : 0;
}

std::uint64_t largest_peak_rss(const std::vector<RankReport>& ranks) {
  std::uint64_t largest = 0;
  for (const RankReport& rank : ranks) largest = std::max(largest, rank.peak_rss_bytes);
  return largest;
}

std::string bench_table(const BenchResult& result) {
  std::string phases;
  for (const PhaseShare& phase : shares_of(result)) {
    phases += fmt::format("{}{} {:.2f}", phases.empty() ? "" : ", ", phase.name, phase.share);
  }
  std::string text = fmt::format("{:<9} {:>7} {:<7} {:<8} {:>5} {:>7} {:>10} {:>10} {:>13}\n", "benchmark", "tokens",
                                 "weights", "products", "ranks", "threads", "tokens/s", "seconds", "peak RSS, MiB");
  text += fmt::format("{:<9} {:>7} {:<7} {:<8} {:>5} {:>7} {:>10.2f} {:>10.3f} {:>13}\n", result.benchmark,
                      result.tokens, name(result.weights), name(result.compute), result.ranks.size(),
                      most_threads(result.ranks), tokens_per_second(result), median(repetition_seconds(result)),
                      grouped(largest_peak_rss(result.ranks) >> 20));
  text +=
      fmt::format("{:.1f} of {:.1f} ({}): {:.2f} of the limit; medians of {}; phases: {}\n", rate(result), result.limit,
                  name(result.limiting), share_of_limit(result), repetition_seconds(result).size(), phases);
  return text;
}

std::string bench_line(const BenchResult& result) {
  proto::BenchReport report;
  report.set_benchmark(result.benchmark);
  report.set_tokens(result.tokens);
  report.set_tokens_per_second(tokens_per_second(result));
  const std::vector<double> seconds = repetition_seconds(result);
  report.mutable_seconds()->Add(seconds.begin(), seconds.end());
  report.set_peak_rss_bytes(static_cast<double>(largest_peak_rss(result.ranks)));
  for (const RankReport& rank : result.ranks) to_proto(rank, *report.add_ranks());
  report.set_share_of_limit(share_of_limit(result));
  report.set_rate(rate(result));
  report.set_limit(result.limit);
  report.set_limit_name(std::string(name(result.limiting)));
  for (const PhaseShare& phase : shares_of(result)) {
    proto::PhaseShare& entry = *report.add_phases();
    entry.set_name(phase.name);
    entry.set_seconds(phase.seconds);
    entry.set_share(phase.share);
  }
  report.set_weights(std::string(name(result.weights)));
  report.set_compute(std::string(name(result.compute)));
  report.set_isa(std::string(name(active_isa())));
  report.set_threads(most_threads(result.ranks));
  report.set_kv_type(std::string(name(result.kv_type)));
  report.set_message_type(std::string(name(result.message_type)));
  report.set_kept_tokens(result.kept_tokens);
  report.set_filter_layer(result.filter_layer.value_or(-1));
  report.set_filter_model(valid_utf8(result.filter_model));
  report.set_decode_tokens(result.decode_tokens);
  add_runs(result, report);
  add_machines(result, report);
  report.set_version(program_version());
  return json_line(report);
}

}  // namespace gemring

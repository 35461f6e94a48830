#include <omp.h>

#include <string>
#include <vector>

#include "distributed/comm/control.h"
#include "engine/kernels/isa.h"
#include "engine/kernels/memory_probe.h"
#include "engine/kernels/probe.h"
#include "launch/commands/commands.h"
#include "launch/output_file.h"
#include "launch/report.h"
#include "launch/start_up.h"
#include "launch/text_output.h"

namespace gemring {
namespace {

/// What a rank measured, as it travels.
struct MeasuredLimits {
  std::int32_t threads = 0;
  double f32_gflops = 0, bf16_gflops = 0, int8_gops = 0, memory_read_gbs = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& threads& f32_gflops& bf16_gflops& int8_gops& memory_read_gbs;
  }
};

MeasuredLimits measure() {
  return {omp_get_max_threads(), measure_f32_fma_gflops(), measure_bf16_gflops().value_or(0),
          measure_int8_gops().value_or(0), measure_memory_read_gbs()};
}

}  // namespace

int run_bench_limits(const Job& job, const Options& options) {
  agreed_on_first(job, [&] {
    if (options.output.json_file) require_writable(*options.output.json_file, "--json");
  });
  prepare_compute(job, options.run);
  set_log_phase("limits");
  const std::vector<MeasuredLimits> measured = all_gather_control(job.world, measure());
  agreed_on_first(job, [&] {
    std::vector<RankLimits> limits;
    limits.reserve(measured.size());
    for (const MeasuredLimits& rank : measured) {
      limits.push_back({RankId(limits.size()), job.hosts[limits.size()], rank.threads, std::string(name(active_isa())),
                        rank.f32_gflops, rank.bf16_gflops, rank.int8_gops, rank.memory_read_gbs});
    }
    write_result(limits_table(limits));
    if (options.output.json_file) write_atomically(*options.output.json_file, limits_report(limits));
  });
  return 0;
}

}  // namespace gemring

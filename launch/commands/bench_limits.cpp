#include <omp.h>

#include <string>
#include <vector>

#include "distributed/comm/control.h"
#include "engine/kernels/isa.h"
#include "launch/commands/commands.h"
#include "launch/measure/bench_report.h"
#include "launch/measure/limits.h"
#include "launch/output/bench_output.h"
#include "launch/start/start_up.h"

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

MeasuredLimits measure_all() {
  return {omp_get_max_threads(), measure(Limit::f32_products), measure(Limit::bf16_products),
          measure(Limit::int8_products), measure(Limit::memory_read)};
}

}  // namespace

int run_bench_limits(const Job& job, const Options& options) {
  BenchOutput output(options.output.json_file);
  agreed_on_first(job, [&] { output.require_writable(); });
  prepare_compute(job, options.run);
  set_log_phase("limits");
  const std::vector<MeasuredLimits> measured = all_gather_control(job.world, measure_all());
  agreed_on_first(job, [&] {
    std::vector<RankLimits> limits;
    limits.reserve(measured.size());
    for (const MeasuredLimits& rank : measured) {
      limits.push_back({RankId(limits.size()), job.hosts[limits.size()], rank.threads, std::string(name(active_isa())),
                        rank.f32_gflops, rank.bf16_gflops, rank.int8_gops, rank.memory_read_gbs});
    }
    output.add(limits_table(limits), limits_lines(limits));
    output.finish();
  });
  return 0;
}

}  // namespace gemring

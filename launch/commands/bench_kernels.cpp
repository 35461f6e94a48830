#include "engine/base/error.h"
#include "launch/commands/commands.h"
#include "launch/measure/bench_report.h"
#include "launch/measure/kernel_rates/kernel_rates.h"
#include "launch/output/bench_output.h"
#include "launch/start/start_up.h"

namespace gemring {

int run_bench_kernels(const Job& job, const Options& options) {
  BenchOutput output(options.output.json_file);
  agreed_on_first(job, [&] {
    if (job.world.size() > 1) {
      throw UsageError({"bench kernels", "measures the kernels of one process", "run it without mpirun"});
    }
    output.require_writable();
  });
  prepare_compute(job, options.run);
  set_log_phase("kernels");
  KernelRateOptions wanted;
  wanted.repetitions = options.bench.repetitions;
  wanted.linear_tokens = static_cast<std::size_t>(options.bench.linear_tokens);
  if (options.bench.tokens) wanted.attention_tokens = static_cast<std::size_t>(*options.bench.tokens);
  const auto asked = [&](KernelKind kind) {
    return options.bench.kernels == KernelKind::all || options.bench.kernels == kind;
  };
  const KernelRateSink sink = [&](const KernelRate& rate) { output.add(kernel_table_row(rate), kernel_line(rate)); };
  output.add(kernel_table_head(), "");
  if (asked(KernelKind::linear)) measure_linear_layers(wanted, sink);
  if (asked(KernelKind::attention)) measure_attention(wanted, sink);
  if (asked(KernelKind::decode)) measure_decode_products(wanted, sink);
  output.finish();
  return 0;
}

}  // namespace gemring

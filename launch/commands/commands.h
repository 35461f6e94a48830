// The commands. Every rank calls the same one with the same options; results go to rank 0's stdout. They return the
// exit code, and throw Error.
#pragma once

#include "launch/options/options.h"
#include "launch/start/job.h"

namespace gemring {

int run_generate(const Job& job, const Options& options);  // and `ask`
int run_logits(const Job& job, const Options& options);
int run_plan(const Job& job, const Options& options);
int run_plan_probe(const Job& job, const Options& options);
int run_simulate(const Job& job, const Options& options);
int run_inspect(const Job& job, const Options& options);
int run_bench(const Job& job, const Options& options);
int run_bench_limits(const Job& job, const Options& options);
int run_bench_kernels(const Job& job, const Options& options);
int run_calibrate(const Job& job, const Options& options);
int run_eval(const Job& job, const Options& options);
int run_index(const Job& job, const Options& options);
int run_chat(const Job& job, const Options& options);
int run_serve(const Job& job, const Options& options);
int run_render(const Job& job, const Options& options);
int run_tokenize(const Job& job, const Options& options);
int run_detokenize(const Job& job, const Options& options);
int run_launch(const Job& job, const Options& options);

int run_command(const Job& job, const Options& options);

}  // namespace gemring

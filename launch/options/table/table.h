// The parts of option_table(): each file of this folder has the descriptions of one subject.
#pragma once

#include "distributed/plan/limits.h"
#include "launch/options/option.h"

namespace gemring {

void add_model_options(OptionTable& table);
void add_job_options(OptionTable& table);  // of `gemring launch` alone
void add_prompt_options(OptionTable& table);
void add_chat_options(OptionTable& table);
void add_bench_options(OptionTable& table);
void add_calibration_options(OptionTable& table);
void add_eval_options(OptionTable& table);
void add_planning_options(OptionTable& table);  // of `plan` and `simulate`
void add_filter_options(OptionTable& table);
void add_generation_options(OptionTable& table);
void add_requests_options(OptionTable& table);
void add_index_options(OptionTable& table);  // of `index` and `ask`
void add_serve_options(OptionTable& table);
void add_run_options(OptionTable& table);
void add_output_options(OptionTable& table);
void add_derived_values(OptionTable& table);  // no options: what travels with them

/// Of `bench`: limits and kernels are those of the machine.
Need measures_a_model();
/// Of `plan`: --probe plans nothing.
Need is_no_probe();

inline constexpr std::int32_t kMostThreads = 65'536;
inline constexpr double kMostGib = 1 << 20;  // of one machine

}  // namespace gemring

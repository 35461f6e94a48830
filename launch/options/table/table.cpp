#include "launch/options/table/table.h"

namespace gemring {

const OptionTable& option_table() {
  static const OptionTable all = [] {
    OptionTable table;
    add_job_options(table);
    add_model_options(table);
    add_prompt_options(table);
    add_chat_options(table);
    add_bench_options(table);
    add_planning_options(table);
    add_calibration_options(table);
    add_eval_options(table);
    add_index_options(table);
    add_filter_options(table);
    add_generation_options(table);
    add_requests_options(table);
    add_serve_options(table);
    add_run_options(table);
    add_output_options(table);
    add_derived_values(table);
    return table;
  }();
  return all;
}

}  // namespace gemring

#include "launch/serve/service_metrics.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

TEST(ServiceMetrics, CountsWhatItSays) {
  ServiceMetrics metrics("a \"model\"");
  metrics.count_answer({.text = "",
                        .finish_reason = "stop",
                        .figures = {.prompt_tokens = 100,
                                    .kept_tokens = 20,
                                    .completion_tokens = 5,
                                    .first_token_seconds = 0.2,
                                    .seconds = 0.5}});
  metrics.count_end("cancelled");
  const std::string text = metrics.text(2, 3);
  for (const char* const line :
       {"gemring_num_requests_running{model_name=\"a \\\"model\\\"\"} 2\n",
        "gemring_num_requests_waiting{model_name=\"a \\\"model\\\"\"} 3\n",
        "gemring_prompt_tokens_total{model_name=\"a \\\"model\\\"\"} 100\n",
        "gemring_kept_tokens_total{model_name=\"a \\\"model\\\"\"} 20\n",
        "gemring_request_success_total{model_name=\"a \\\"model\\\"\",finished_reason=\"stop\"} 1\n",
        "gemring_request_success_total{model_name=\"a \\\"model\\\"\",finished_reason=\"cancelled\"} 1\n",
        "gemring_time_to_first_token_seconds_bucket{model_name=\"a \\\"model\\\"\",le=\"0.1\"} 0\n",
        "gemring_time_to_first_token_seconds_bucket{model_name=\"a \\\"model\\\"\",le=\"0.3\"} 1\n",
        "gemring_time_to_first_token_seconds_bucket{model_name=\"a \\\"model\\\"\",le=\"+Inf\"} 1\n",
        "gemring_time_to_first_token_seconds_sum{model_name=\"a \\\"model\\\"\"} 0.2\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

}  // namespace
}  // namespace gemring

#include "distributed/session/evidence_run.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "distributed/plan/cost.h"
#include "distributed/session/session.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

class EvidenceRuns : public testing::Test {
 protected:
  std::string folder_ = std::string(GEMRING_TEST_DATA) + "/golden/llama-3.1";
  ModelConfig config_ = load_model_config(folder_);
  std::unique_ptr<TensorSource> weights_ = open_checkpoint(folder_);
};

TEST_F(EvidenceRuns, EveryHeadSaysWhatAProfileOfItAloneSays) {
  const ClusterPlan plan = evidence_plan(world().size(), config_.layer_count());
  constexpr std::int32_t kQueries = 4;
  EvidenceRun run(world(), config_, *weights_, plan, {}, every_head(config_, config_.layer_count(), kQueries));
  for (const std::int32_t n : {97, 211, 3}) {
    GenerationRequest request = test::mixed_requests().front();
    request.prompt = test::prompt_of(n, 5);
    request.selection = {.keep = 2, .pool_width = 1};
    double last = 0;
    const std::span<const TokenId> ids =
        world().member() == 0 ? std::span<const TokenId>(request.prompt) : std::span<const TokenId>();
    const std::vector<float> columns = run.run(ids, n, 4, {}, [&](double share) { last = share; });
    if (world().member() == 0) {
      EXPECT_GT(last, 0.5);
    }
    for (const ScoringHead& head : {ScoringHead{LayerIndex(0), 1}, ScoringHead{LayerIndex(2), 3}}) {
      FilterProfile alone;
      alone.heads = {head};
      Session session(world(), config_, *weights_, default_plan(world().size(), Method::gemfilter, plan.layers), alone,
                      {});
      const std::vector<float> scores = session.generate(request).scores;
      if (world().member() != 0) continue;
      const std::int32_t queries = std::min(kQueries, n);
      ASSERT_EQ(columns.size(), static_cast<std::size_t>(config_.layer_count() * config_.heads * queries * n));
      const std::int32_t pair = head.layer.value() * config_.heads + *head.head;
      const auto column = static_cast<std::size_t>(pair * queries + queries - 1);  // the last query's
      const auto tokens = static_cast<std::size_t>(n);
      float largest = 0;
      for (const float score : scores) largest = std::max(largest, std::abs(score));
      ASSERT_EQ(scores.size(), tokens);
      for (std::size_t t = 0; t < tokens; ++t)
        EXPECT_NEAR(columns[column * tokens + t], scores[t], 2e-5 * largest)
            << "layer " << head.layer.value() << ", " << t;
    }
  }
}

TEST_F(EvidenceRuns, ItsPlanHasNoStagesAndCostsWhatFilteringCosts) {
  PlanInputs inputs;
  inputs.model = config_;
  inputs.tensors = weights_->tensors();
  inputs.prompt_tokens = 400;
  inputs.keep = 25;
  inputs.filter_layer = LayerIndex(config_.layer_count() - 1);
  for (const int ranks : {1, 2, 3}) {
    for (const RankCost& cost : rank_costs(evidence_plan(ranks, config_.layer_count()), inputs)) {
      EXPECT_GT(cost.filter_flop, 0);
      EXPECT_EQ(cost.prefill_flop, 0);
      EXPECT_EQ(cost.stage.total(), 0u);
    }
  }
}

}  // namespace
}  // namespace gemring

#include <gtest/gtest.h>

#include <cmath>

#include "distributed/session/session.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

class Profiles : public testing::Test {
 protected:
  bool first_rank() const { return world().member() == 0; }

  /// Scores of the first of mixed_requests() under every plan; the last one's on rank 0.
  std::vector<float> scores_of(const FilterProfile& profile, const ClusterPlan& plan) {
    return scores_of(profile, plan, test::mixed_requests().front());
  }
  std::vector<float> scores_of(const FilterProfile& profile, const ClusterPlan& plan,
                               const GenerationRequest& request) {
    Session session(world(), config_, *weights_, plan, profile, {});
    return session.generate(request).scores;
  }

  std::vector<std::pair<std::string, ClusterPlan>> plans() const {
    return test::plans(world().size(), Method::gemfilter, config_.layer_count());
  }

  void expect_near(const std::vector<float>& got, const std::vector<double>& expected, const std::string& name) const {
    if (!first_rank()) return;
    ASSERT_EQ(got.size(), expected.size()) << name;
    double largest = 0;
    for (const double value : expected) largest = std::max(largest, std::abs(value));
    EXPECT_GT(largest, 0) << name;
    for (std::size_t t = 0; t < got.size(); ++t) EXPECT_NEAR(got[t], expected[t], 2e-5 * largest) << name << ", " << t;
  }

  std::string folder_ = std::string(GEMRING_TEST_DATA) + "/golden/llama-3.1";
  ModelConfig config_ = load_model_config(folder_);
  std::unique_ptr<TensorSource> weights_ = open_checkpoint(folder_);
};

TEST_F(Profiles, TheHeadsOfALayerAddUpToGemFilter) {
  FilterProfile each;
  for (std::int32_t head = 0; head < config_.heads; ++head) each.heads.push_back({LayerIndex(2), head});
  for (const auto& [name, plan] : plans()) {
    const std::vector<float> whole = scores_of(gemfilter_profile(LayerIndex(2)), plan);
    expect_near(scores_of(each, plan), {whole.begin(), whole.end()}, name);
  }
}

TEST_F(Profiles, LayersBelowTheLastScoreAsThePassGoesBy) {
  FilterProfile mixed;
  mixed.heads = {{LayerIndex(0), std::nullopt, 2.0f}, {LayerIndex(1), 3, -1.0f}, {LayerIndex(2), std::nullopt, 0.5f}};
  FilterProfile one_head;
  one_head.heads = {{LayerIndex(1), 3}};
  for (const auto& [name, plan] : plans()) {
    const std::vector<float> first = scores_of(gemfilter_profile(LayerIndex(0)), plan);
    const std::vector<float> second = scores_of(one_head, plan);
    const std::vector<float> third = scores_of(gemfilter_profile(LayerIndex(2)), plan);
    std::vector<double> expected;
    for (std::size_t t = 0; t < first.size(); ++t) expected.push_back(2.0 * first[t] - second[t] + 0.5 * third[t]);
    expect_near(scores_of(mixed, plan), expected, name);
  }
}

// What a token asks does not depend on what follows it: its query is that of the prompt up to it. Three queries are
// spread over the last 32 tokens, which are different ranks'.
TEST_F(Profiles, TokensOfTheQuestionAskAndTheBestCounts) {
  FilterProfile profile;
  profile.heads = {{LayerIndex(1), 2}};
  for (const std::int32_t n : {22, 97}) {
    GenerationRequest request = test::mixed_requests().front();
    request.selection = {.keep = 2, .pool_width = 1};
    const auto prompt_of = [&](std::int32_t tokens) {
      request.prompt = test::prompt_of(n, 5);
      request.prompt.resize(static_cast<std::size_t>(tokens));
      return request;
    };
    for (const auto& [name, plan] : plans()) {
      profile.queries = 1;
      std::vector<double> expected;
      for (std::int32_t end = n; end >= n - 20; end -= 10) {
        const std::vector<float> one = scores_of(profile, plan, prompt_of(end));
        if (expected.empty()) expected.assign(one.begin(), one.end());
        for (std::size_t t = 0; t < one.size(); ++t) expected[t] = std::max(expected[t], double{one[t]});
      }
      profile.queries = 3;
      std::vector<float> got = scores_of(profile, plan, prompt_of(n));
      if (!first_rank()) continue;
      expected.resize(expected.size() - 20);  // keys behind a query are of no matter
      got.resize(expected.size());
      expect_near(got, expected, name);
    }
  }
}

TEST_F(Profiles, EveryPlanKeepsTheSameTokens) {
  FilterProfile profile;
  profile.heads = {{LayerIndex(0), 1}, {LayerIndex(2), 0}, {LayerIndex(2), 3, 0.5f}};
  profile.normalisation = ScoreNormalisation::z_score;
  profile.queries = 5;
  std::optional<std::vector<OriginalPosition>> kept;
  for (const auto& [name, plan] : plans()) {
    Session session(world(), config_, *weights_, plan, profile, {});
    const GenerationResult result = session.generate(test::mixed_requests().front());
    if (!kept) kept = result.kept;
    EXPECT_EQ(result.kept, *kept) << name;
  }
  EXPECT_EQ(kept->size(), first_rank() ? 50u : 0u);
}

// With requests in flight a pass may wait for another one between two layers that score.
TEST_F(Profiles, RequestsInFlightScoreAsEachAlone) {
  FilterProfile profile;
  profile.heads = {{LayerIndex(0), 1}, {LayerIndex(1), 2}, {LayerIndex(3), 0}};
  profile.queries = 2;
  const std::vector<GenerationRequest> requests = test::mixed_requests();
  for (const auto& [name, plan] : plans()) {
    Session session(world(), config_, *weights_, plan, profile, {});
    const std::vector<GenerationResult> together = session.generate(requests, 2);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const GenerationResult alone = session.generate(requests[i]);
      if (!first_rank()) continue;
      EXPECT_EQ(together[i].scores, alone.scores) << name << ", request " << i;
      EXPECT_EQ(together[i].kept, alone.kept) << name << ", request " << i;
    }
  }
}

}  // namespace
}  // namespace gemring

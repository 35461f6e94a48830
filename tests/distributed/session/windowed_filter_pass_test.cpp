// Tiny chunks, so that short prompts have many; the grid of the program is 64 times as coarse.
#include "distributed/session/windowed_filter_pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "distributed/session/session.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

constexpr std::int32_t kChunk = 32;

FilterProfile windowed(std::int32_t window, std::int32_t sinks, std::int32_t queries = 1) {
  FilterProfile profile;
  profile.queries = queries;
  profile.heads = {{LayerIndex(1), 3}, {LayerIndex(3), std::nullopt}};
  profile.window = window;
  profile.sinks = sinks;
  return profile;
}

GenerationRequest request_of(std::int32_t tokens) {
  GenerationRequest request = test::mixed_requests().front();
  request.prompt = test::prompt_of(tokens, 3);
  request.selection = {.keep = std::min(20, tokens - 1)};
  request.stop.max_new_tokens = 3;
  return request;
}

class WindowedFilter : public testing::Test {
 protected:
  GenerationResult result_of(const GenerationRequest& request, const ModelConfig& config, const FilterProfile& profile,
                             const ClusterPlan& plan, DataType kv_type = DataType::f32) {
    ComputeOptions options;
    options.kv_type = kv_type;
    options.filter_chunk = kChunk;
    Session session(world(), config, *weights_, plan, profile, options);
    return session.generate(request);
  }

  std::vector<std::pair<std::string, ClusterPlan>> plans() const {
    return test::plans(world().size(), Method::gemfilter, config_.layer_count());
  }

  /// Rank 0's scores of one rank alone, on every rank: each has a world of its own for it.
  std::vector<float> alone(const GenerationRequest& request, const FilterProfile& profile, DataType kv_type) {
    const auto one = one_rank_communicator();
    ComputeOptions options;
    options.kv_type = kv_type;
    options.filter_chunk = kChunk;
    Session session(*one, config_, *weights_, default_plan(1, Method::gemfilter, config_.layer_count()), profile,
                    options);
    return session.generate(request).scores;
  }

  void expect_near(const std::vector<float>& got, const std::vector<float>& expected, const std::string& name) const {
    if (world().member() != 0) return;
    ASSERT_EQ(got.size(), expected.size()) << name;
    float largest = 0;
    for (const float value : expected) largest = std::max(largest, std::abs(value));
    EXPECT_GT(largest, 0) << name;
    for (std::size_t t = 0; t < got.size(); ++t) ASSERT_NEAR(got[t], expected[t], 5e-5f * largest) << name << ", " << t;
  }

  std::string folder_ = std::string(GEMRING_TEST_DATA) + "/golden/llama-3.1";
  ModelConfig config_ = load_model_config(folder_);
  std::unique_ptr<TensorSource> weights_ = open_checkpoint(folder_);
};

TEST_F(WindowedFilter, WithinItsWindowItIsTheExactPass) {
  for (const std::int32_t tokens : {3, 32}) {
    const GenerationRequest request = request_of(tokens);
    for (const auto& [name, plan] : {plans().front(), plans().back()}) {
      const GenerationResult exact = result_of(request, config_, windowed(0, 0, 5), plan);
      expect_near(result_of(request, config_, windowed(32, 4, 5), plan).scores, exact.scores, name);
    }
  }
}

// A model whose layers have that window themselves says the same: its pass is exact and knows nothing of chunks.
TEST_F(WindowedFilter, WithoutSinksItIsThatOfAModelWithThatWindow) {
  for (const std::int32_t window : {1, 9, 32}) {
    ModelConfig model = config_;
    for (LayerShape& layer : model.layers) layer.window = window;
    for (const std::int32_t tokens : {33, 211}) {
      const GenerationRequest request = request_of(tokens);
      const ClusterPlan plan = plans().front().second;
      const GenerationResult exact = result_of(request, model, windowed(0, 0), plan);
      const GenerationResult got = result_of(request, config_, windowed(window, 0), plan);
      expect_near(got.scores, exact.scores, fmt::format("window {}, {} tokens", window, tokens));
      // Where a layer has a window of its own it gets no sinks, and the narrower one counts.
      expect_near(result_of(request, model, windowed(32, 4), plan).scores, exact.scores, "its own window");
    }
  }
}

TEST_F(WindowedFilter, SinksAreSeenFromEverywhere) {
  const GenerationRequest request = request_of(211);
  const ClusterPlan plan = plans().front().second;
  const GenerationResult without = result_of(request, config_, windowed(9, 0), plan);
  const GenerationResult with = result_of(request, config_, windowed(9, 4), plan);
  if (world().member() != 0) return;
  EXPECT_NE(without.scores, with.scores);
}

TEST_F(WindowedFilter, AnyNumberOfRanksGivesTheSameBits) {
  struct Case {
    std::int32_t tokens;
    FilterProfile profile;
    DataType kv_type;
  };
  for (const Case& each : {Case{31, windowed(9, 4), DataType::f32}, Case{256, windowed(32, 0), DataType::f32},
                           Case{97, windowed(9, 4, 3), DataType::f32},  // the last chunk has one of the three
                           Case{211, windowed(32, 4), DataType::bf16}}) {
    const GenerationRequest request = request_of(each.tokens);
    const std::vector<float> expected = alone(request, each.profile, each.kv_type);
    for (const auto& [name, plan] : plans()) {
      const GenerationResult got = result_of(request, config_, each.profile, plan, each.kv_type);
      if (world().member() != 0) continue;
      EXPECT_EQ(got.scores, expected) << name << ", " << each.tokens << " tokens";
    }
  }
}

// Passes take turns between their rounds, while halos of the next round are on their way.
TEST_F(WindowedFilter, RequestsInFlightScoreAsEachAlone) {
  std::vector<GenerationRequest> requests;
  for (const std::int32_t tokens : {250, 97, 33}) requests.push_back(request_of(tokens));
  for (const auto& [name, plan] : plans()) {
    ComputeOptions options;
    options.filter_chunk = kChunk;
    Session session(world(), config_, *weights_, plan, windowed(17, 4), options);
    const std::vector<GenerationResult> together = session.generate(requests, 2);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const std::vector<float> expected = alone(requests[i], windowed(17, 4), DataType::f32);
      if (world().member() != 0) continue;
      EXPECT_EQ(together[i].scores, expected) << name << ", request " << i;
    }
  }
}

TEST_F(WindowedFilter, ACancelledPassLeavesNothingOnItsWay) {
  for (const auto& [name, plan] : plans()) {
    ComputeOptions options;
    options.filter_chunk = kChunk;
    Session session(world(), config_, *weights_, plan, windowed(17, 4), options);
    std::vector<GenerationRequest> requests = {request_of(500), request_of(97)};
    if (world().member() == 0) {
      requests[0].cancel = std::make_shared<CancelHandle>();
      requests[0].on_progress = [cancel = requests[0].cancel](std::string_view, double, double) { cancel->cancel(); };
    }
    const std::vector<GenerationResult> results = session.generate(requests, 1);
    if (world().member() != 0) continue;
    EXPECT_EQ(results[0].stop_reason, StopReason::cancelled) << name;
    EXPECT_EQ(results[1].scores, alone(requests[1], windowed(17, 4), DataType::f32)) << name;
  }
}

// One token, over and over: at layer 0 its keys differ by their positions only.
TEST_F(WindowedFilter, BeyondTheModelsPositionsEveryKeyIsAtTheLongestDistanceItKnows) {
  config_.max_positions = 50;
  GenerationRequest request = request_of(211);
  request.prompt.assign(211, TokenId(7));
  FilterProfile profile = windowed(9, 4);
  profile.heads = {{LayerIndex(0), 2}};
  const GenerationResult result = result_of(request, config_, profile, plans().front().second);
  if (world().member() != 0) return;
  const std::vector<float>& scores = result.scores;
  for (std::size_t t = 0; t <= 161; ++t) EXPECT_NEAR(scores[t], scores[161], 1e-4f * std::abs(scores[161])) << t;
  float apart = 0;
  for (std::size_t t = 162; t < 211; ++t) apart = std::max(apart, std::abs(scores[t] - scores[161]));
  EXPECT_GT(apart, 1e-2f * std::abs(scores[161]));
}

}  // namespace
}  // namespace gemring

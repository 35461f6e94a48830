#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "distributed/session/session.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "engine/weights/safetensors/safetensors.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/support/mpi_world.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

using nlohmann::json;
using test::ids_of;
using test::plans;
using test::settings;
using test::stored_as;

constexpr float kLogitTolerance = 2e-3f;  // tests/data/golden/README.md
constexpr double kCloseLogits = 1e-3;     // best and second closer than this: either is right
constexpr double kScoreTolerance = 2e-5;  // of the largest score
constexpr double kCloseScores = 4e-5;     // of the largest score

std::string folder(const std::string& model) {
  return std::string(GEMRING_TEST_DATA) + "/golden/" + model;
}

json read_json(const std::string& path) {
  return json::parse(std::ifstream(path));
}

class Golden : public testing::TestWithParam<std::string> {
 protected:
  Golden() : config_(load_model_config(folder(GetParam()))), weights_(open_checkpoint(folder(GetParam()))) {}

  Session session(const ClusterPlan& plan, LayerIndex filter_layer) {
    return Session(world(), config_, *weights_, plan, gemfilter_profile(filter_layer), {});
  }
  bool first_rank() const { return world().member() == 0; }

  ModelConfig config_;
  std::unique_ptr<TensorSource> weights_;
};

GenerationRequest request_of(std::vector<TokenId> prompt, std::int32_t tokens, const ModelConfig& config) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.stop = {.end_tokens = config.end_tokens, .max_new_tokens = tokens};
  return request;
}

TEST_P(Golden, LogitsAreThoseOfTheReference) {
  const SafetensorsFile golden = open_safetensors(folder(GetParam()) + "/golden.safetensors");
  for (const auto& [name, plan, isa] : settings(world().size(), Method::full, config_.layer_count())) {
    const test::UseIsa use(isa);
    Session session = this->session(plan, LayerIndex(0));
    for (const int n : {1, 7, 40, 131, 600}) {
      const std::vector<float> expected = read_f32_tensor(golden, "logits." + std::to_string(n));
      const auto rows = static_cast<std::int32_t>(expected.size()) / config_.vocab;
      const std::vector<float> logits = session.logits(ids_of(golden, "ids." + std::to_string(n)), rows);
      if (!first_rank()) continue;
      EXPECT_EQ(logits.size(), expected.size());
      float largest = 0;
      for (std::size_t i = 0; i < std::min(logits.size(), expected.size()); ++i) {
        largest = std::max(largest, std::abs(logits[i] - expected[i]));
      }
      EXPECT_LT(largest, kLogitTolerance) << name << ", n = " << n;
    }
  }
}

TEST_P(Golden, GreedyTokensAreThoseOfTheReference) {
  const SafetensorsFile golden = open_safetensors(folder(GetParam()) + "/golden.safetensors");
  const json cases = read_json(folder(GetParam()) + "/golden.json")["cases"];
  for (const auto& [name, plan, isa] : settings(world().size(), Method::full, config_.layer_count())) {
    const test::UseIsa use(isa);
    Session session = this->session(plan, LayerIndex(0));
    for (const json& golden_case : cases) {
      const int n = golden_case["n"];
      const auto result = session.generate(request_of(ids_of(golden, "ids." + std::to_string(n)), 16, config_));
      if (!first_rank() || golden_case["min_margin"] < kCloseLogits) continue;
      EXPECT_EQ(test::values(result.generated_ids), golden_case["greedy"].get<std::vector<std::int32_t>>())
          << name << ", n = " << n;
    }
  }
}

TEST_P(Golden, GemFilterKeepsAndAnswersLikeTheReference) {
  const SafetensorsFile golden = open_safetensors(folder(GetParam()) + "/gemfilter.safetensors");
  const json cases = read_json(folder(GetParam()) + "/gemfilter.json")["cases"];
  for (const auto& [name, plan, isa] : settings(world().size(), Method::gemfilter, config_.layer_count())) {
    const test::UseIsa use(isa);
    std::map<int, std::unique_ptr<Session>> sessions;  // by filter layer
    for (const json& golden_case : cases) {
      const std::string key = golden_case["key"];
      const int filter_layer = golden_case["filter_layer"];
      std::unique_ptr<Session>& session = sessions[filter_layer];
      if (!session) session.reset(new Session(this->session(plan, LayerIndex(filter_layer))));
      auto request = request_of(ids_of(golden, key + ".ids"), 12, config_);
      request.selection = {.keep = golden_case["k"], .pool_width = 5};
      const GenerationResult result = session->generate(request);
      if (!first_rank()) continue;
      if (!result.scores.empty()) {
        const std::vector<float> expected = read_f32_tensor(golden, key + ".scores");
        const float largest = std::abs(*std::max_element(expected.begin(), expected.end(),
                                                         [](float a, float b) { return std::abs(a) < std::abs(b); }));
        double difference = 0;
        for (std::size_t i = 0; i < expected.size(); ++i) {
          difference = test::larger(difference, static_cast<double>(std::abs(result.scores[i] - expected[i])));
        }
        EXPECT_LT(difference, kScoreTolerance * largest) << name << ", " << key;
        if (golden_case["gap_at_k"] < kCloseScores * largest) continue;
      }
      std::vector<std::int64_t> kept;
      for (const OriginalPosition position : result.kept) kept.push_back(position.value());
      EXPECT_EQ(kept, read_i64_tensor(golden, key + ".indices")) << name << ", " << key;
      if (golden_case["min_margin"] < kCloseLogits) continue;
      EXPECT_EQ(test::values(result.generated_ids), golden_case["greedy"].get<std::vector<std::int32_t>>())
          << name << ", " << key;
    }
  }
}

TEST_P(Golden, Bf16CacheAndMessagesStayCloseToTheReference) {
  const SafetensorsFile golden = open_safetensors(folder(GetParam()) + "/golden.safetensors");
  const auto vocab = static_cast<std::size_t>(config_.vocab);
  const std::vector<float> expected = read_f32_tensor(golden, "logits.131");
  for (const auto& [name, plan] : plans(world().size(), Method::full, config_.layer_count())) {
    Session session(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(0)),
                    stored_as(DataType::bf16, DataType::bf16));
    const std::vector<float> logits = session.logits(ids_of(golden, "ids.131"), 131);
    if (!first_rank()) continue;
    EXPECT_EQ(logits.size(), expected.size());
    if (logits.size() != expected.size()) continue;
    const double divergence = test::mean_divergence(expected, logits, vocab);
    EXPECT_LT(divergence, 1e-3) << name;
    EXPECT_GT(divergence, 0) << name << ": the cache does not seem to be bf16";
  }
}

TEST_P(Golden, EveryPlanDrawsTheSameText) {
  const SafetensorsFile golden = open_safetensors(folder(GetParam()) + "/golden.safetensors");
  const GroupSpec first{.symbol = GroupSpec::Symbol::first, .ranks = {}};
  const ClusterSpec alone{.name = "alone", .filter = first, .stages = {{.group = first, .cut = 1}}, .chunk_length = 0};
  auto request = request_of(ids_of(golden, "ids.131"), 24, config_);
  request.selection = {.keep = 50, .pool_width = 5, .forced = {{0, 4}, {121, 131}}};
  request.sampling = {.temperature = 0.8f, .top_k = 40, .top_p = 0.9f, .seed = 7};
  request.stop.ignore_end_tokens = true;
  const auto generate = [&](const ClusterPlan& plan) { return session(plan, LayerIndex(2)).generate(request); };
  const auto expected = generate(resolve(alone, world().size(), Method::gemfilter, config_.layer_count()));
  for (const auto& [name, plan] : plans(world().size(), Method::gemfilter, config_.layer_count())) {
    const auto result = generate(plan);
    if (!first_rank()) continue;
    EXPECT_EQ(result.generated_ids.size(), 24u);
    EXPECT_EQ(test::values(result.generated_ids), test::values(expected.generated_ids)) << name;
    EXPECT_EQ(result.kept, expected.kept) << name;
    EXPECT_EQ(result.ranks.size(), static_cast<std::size_t>(world().size())) << name;
  }
}

TEST_P(Golden, EveryRingVariantDrawsTheSameText) {
  const SafetensorsFile golden = open_safetensors(folder(GetParam()) + "/golden.safetensors");
  const GroupSpec all{.symbol = GroupSpec::Symbol::all, .ranks = {}};
  auto request = request_of(ids_of(golden, "ids.131"), 12, config_);
  request.selection = {.keep = 50, .pool_width = 5, .forced = {{0, 4}, {121, 131}}};
  request.stop.ignore_end_tokens = true;
  for (const std::int32_t cut : {1, 2}) {  // one chunk; chunks that meet a cached prefix
    const ClusterSpec spec{.name = "shared", .filter = all, .stages = {{.group = all, .cut = cut}}, .chunk_length = 20};
    const ClusterPlan plan = resolve(spec, world().size(), Method::gemfilter, config_.layer_count());
    std::optional<GenerationResult> first;
    for (const RingVariant variant : kRingVariants) {
      Session session(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(2)),
                      stored_as(DataType::f32, DataType::f32, variant));
      const GenerationResult result = session.generate(request);
      if (!first) first = result;
      if (!first_rank()) continue;
      EXPECT_EQ(test::values(result.generated_ids), test::values(first->generated_ids)) << name(variant);
      EXPECT_EQ(result.kept, first->kept) << name(variant);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Golden,
                         testing::Values("llama-3.1", "llama-2", "smollm2", "mistral-nemo", "mistral-sliding",
                                         "phi-3.5", "qwen2", "qwen3"),
                         [](const auto& test_info) {
                           std::string name = test_info.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace gemring

// One checkpoint filters, another one answers: two golden models of one vocabulary and different shapes.
#include <gtest/gtest.h>

#include "distributed/session/model_parts.h"
#include "distributed/session/session.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

struct GoldenModel {
  explicit GoldenModel(const std::string& name)
      : folder(std::string(GEMRING_TEST_DATA) + "/golden/" + name),
        config(load_model_config(folder)),
        weights(open_checkpoint(folder)) {}
  Checkpoint checkpoint() const { return {config, *weights}; }

  std::string folder;
  ModelConfig config;
  std::unique_ptr<TensorSource> weights;
};

class FilterModel : public testing::Test {
 protected:
  bool first_rank() const { return world().member() == 0; }

  std::vector<std::pair<std::string, ClusterPlan>> plans() const {
    return test::plans(world().size(), Method::gemfilter, answer_.config.layer_count());
  }

  /// The filter's own answer says which tokens it keeps.
  GenerationResult filtered_alone(const GenerationRequest& request) {
    const ClusterPlan plan =
        test::plans(world().size(), Method::gemfilter, filter_.config.layer_count()).front().second;
    return Session(world(), filter_.config, *filter_.weights, plan, profile_, {}).generate(request);
  }

  /// What the other model says to these tokens, all of them.
  std::vector<TokenId> answered_alone(const GenerationRequest& filtered, const std::vector<OriginalPosition>& kept) {
    GenerationRequest request = filtered;
    request.prompt.clear();
    for (const OriginalPosition position : kept) request.prompt.push_back(filtered.prompt[position.index()]);
    const ClusterPlan plan = test::plans(world().size(), Method::full, answer_.config.layer_count()).front().second;
    Session session(world(), answer_.config, *answer_.weights, plan, gemfilter_profile(LayerIndex(0)), {});
    return session.generate(request).generated_ids;
  }

  GoldenModel answer_{"llama-3.1"};  // 5 layers, 6 heads of 16
  GoldenModel filter_{"smollm2"};    // 6 layers, 9 heads of 8
  FilterProfile profile_ = gemfilter_profile(LayerIndex(3));
  SessionModels models_{answer_.checkpoint(), filter_.checkpoint()};
};

TEST_F(FilterModel, TheFilterChoosesAsItDoesByItselfAndTheOtherAnswersToThat) {
  const GenerationRequest request = test::mixed_requests().front();
  const std::vector<OriginalPosition> kept = filtered_alone(request).kept;
  const std::vector<TokenId> answer = answered_alone(request, kept);
  EXPECT_EQ(kept.size(), first_rank() ? 50u : 0u);
  for (const auto& [name, plan] : plans()) {
    Session session(world(), models_, plan, profile_, {});
    const GenerationResult result = session.generate(request);
    EXPECT_EQ(result.kept, kept) << name;
    EXPECT_EQ(test::values(result.generated_ids), test::values(answer)) << name;
  }
  Session own(world(), answer_.config, *answer_.weights, plans().front().second, profile_, {});
  EXPECT_EQ(own.generate(request).kept == kept, !first_rank());  // the other model would have kept others
}

TEST_F(FilterModel, AProfileOfSeveralLayersIsTheFilters) {
  profile_.heads = {{LayerIndex(1), 8}, {LayerIndex(4), 7, 0.5f}};  // the answering model has neither head
  const GenerationRequest request = test::mixed_requests().front();
  for (const std::int32_t window : {0, 24}) {
    profile_.window = window;
    profile_.sinks = window / 8;
    const std::vector<OriginalPosition> kept = filtered_alone(request).kept;
    for (const auto& [name, plan] : plans()) {
      const GenerationResult result = Session(world(), models_, plan, profile_, {}).generate(request);
      EXPECT_EQ(result.kept, kept) << name << ", window " << window;
    }
  }
}

TEST_F(FilterModel, RequestsInFlightAnswerAsEachAlone) {
  const std::vector<GenerationRequest> requests = test::mixed_requests();
  const auto [name, plan] = plans().back();
  Session session(world(), models_, plan, profile_, {});
  const std::vector<GenerationResult> together = session.generate(requests, 2);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const GenerationResult alone = session.generate(requests[i]);
    if (!first_rank()) continue;
    EXPECT_EQ(together[i].kept, alone.kept) << name << ", request " << i;
    EXPECT_EQ(together[i].generated_ids, alone.generated_ids) << name << ", request " << i;
  }
}

/// A vocabulary in which an even token is two and an odd one is one, between a token in front and one behind.
std::vector<TokenId> reread(std::span<const TokenId> prompt, std::span<const OriginalPosition> kept) {
  std::vector<TokenId> ids = {TokenId(310)};
  for (const OriginalPosition position : kept) {
    const TokenId id = prompt[position.index()];
    ids.insert(ids.end(), id.value() % 2 == 0 ? 2 : 1, id);
  }
  ids.emplace_back(311);
  return ids;
}

GenerationRequest reread(GenerationRequest request) {
  const std::vector<TokenId> prompt = request.prompt;
  request.reading = [prompt](std::span<const OriginalPosition> kept) { return reread(prompt, kept); };
  return request;
}

TEST_F(FilterModel, OfAnotherVocabularyTheAnsweringModelReadsTheKeptTokensInItsOwn) {
  GenerationRequest request = reread(test::mixed_requests().front());
  request.sampling.penalties = {.repeat = 1.3f};  // they look at what was read
  const std::vector<float> scores = filtered_alone(test::mixed_requests().front()).scores;
  GenerationRequest expected = request;
  std::vector<OriginalPosition> kept;
  if (first_rank()) {
    CompressedPrompt fitted = fitted_selection(scores, request.selection, request.reading);
    kept = std::move(fitted.kept);
    expected.prompt = std::move(fitted.ids);
    EXPECT_LT(kept.size(), 40u);
    EXPECT_GE(expected.prompt.size(), 49u);
  }
  expected.reading = {};
  const ClusterPlan full = test::plans(world().size(), Method::full, answer_.config.layer_count()).front().second;
  Session alone(world(), answer_.config, *answer_.weights, full, gemfilter_profile(LayerIndex(0)), {});
  const std::vector<TokenId> answer = alone.generate(expected).generated_ids;
  for (const auto& [name, plan] : plans()) {
    Session session(world(), models_, plan, profile_, {});
    const GenerationResult result = session.generate(request);
    EXPECT_EQ(result.kept, kept) << name;
    EXPECT_EQ(result.read_tokens, first_rank() ? static_cast<std::int32_t>(expected.prompt.size()) : 0) << name;
    EXPECT_EQ(test::values(result.generated_ids), test::values(answer)) << name;
  }
}

// The number of chunks of such a prefill is known only behind its filter pass, others' prefills go on meanwhile; and a
// prompt of fewer tokens than are kept is filtered if the other model reads more.
TEST_F(FilterModel, RequestsOfAnotherVocabularyInFlightAnswerAsEachAlone) {
  std::vector<GenerationRequest> requests = test::mixed_requests();
  for (const std::size_t i : {0, 1, 3, 5}) requests[i] = reread(std::move(requests[i]));
  requests[5].selection = {.keep = 10, .pool_width = 5, .forced = {{0, 4}, {54, 60}}};  // no room: it fails alone
  const auto [name, plan] = plans().back();
  Session session(world(), models_, plan, profile_, {});
  const std::vector<GenerationResult> together = session.generate(requests, 2);
  if (first_rank()) {
    EXPECT_GT(together[1].filter_seconds, 0);
    ASSERT_TRUE(together[5].error.has_value());
    EXPECT_EQ(together[5].error->code(), ExitCode::usage);
  }
  requests.pop_back();
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const GenerationResult alone = session.generate(requests[i]);
    if (!first_rank()) continue;
    EXPECT_EQ(together[i].kept, alone.kept) << name << ", request " << i;
    EXPECT_EQ(together[i].generated_ids, alone.generated_ids) << name << ", request " << i;
  }
}

TEST_F(FilterModel, ARankThatFiltersAndAnswersHoldsWhatTwoRolesShareOnceAndNothingElse) {
  const ClusterPlan plan = default_plan(1, Method::gemfilter, answer_.config.layer_count());
  const ModelParts two = load_parts(models_, plan, RankId(0), profile_);
  EXPECT_NE(two.filter_embedding, two.embedding);
  EXPECT_EQ(two.filter_layers.size(), 3u);
  const ModelParts one = load_parts({answer_.config, *answer_.weights}, plan, RankId(0), profile_);
  EXPECT_EQ(one.filter_embedding, one.embedding);
  const ClusterPlan apart = default_plan(3, Method::gemfilter, answer_.config.layer_count());
  const ModelParts filters = load_parts(models_, apart, RankId(0), profile_);
  EXPECT_TRUE(filters.filter_embedding != nullptr && filters.embedding == nullptr && !filters.stage_layers);
  const ModelParts answers = load_parts(models_, apart, RankId(1), profile_);
  EXPECT_TRUE(answers.filter_embedding == nullptr && answers.embedding != nullptr && answers.filter_layers.empty());
}

}  // namespace
}  // namespace gemring

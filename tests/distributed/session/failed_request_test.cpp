#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "distributed/session/request_source.h"
#include "distributed/session/session.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

constexpr std::int32_t kBadToken = 2;  // none of prompt_of()

/// A checkpoint in which the embedding of one token is no number.
class OneBadToken : public TensorSource {
 public:
  explicit OneBadToken(const TensorSource& source) : source_(source) {}

  const std::vector<TensorInfo>& tensors() const override { return source_.tensors(); }
  std::unique_ptr<TensorData> load(const TensorInfo& info) const override {
    auto data = source_.load(info);
    if (info.name != "model.embed_tokens.weight") return data;
    auto changed = std::make_unique<Changed>();
    changed->values.assign(data->bytes().begin(), data->bytes().end());
    const std::size_t row = info.bytes / static_cast<std::size_t>(info.shape[0]);
    std::memset(changed->values.data() + kBadToken * row, 0xff, row);  // NaN in f32, f16 and bf16
    return changed;
  }
  std::string location(std::string_view name) const override { return source_.location(name); }
  std::uint64_t fingerprint() const override { return source_.fingerprint(); }

 private:
  struct Changed : TensorData {
    std::span<const std::byte> bytes() const override { return values; }
    std::vector<std::byte> values;
  };
  const TensorSource& source_;
};

class FailedRequest : public testing::Test {
 protected:
  bool first_rank() const { return world().member() == 0; }

  std::string folder_ = std::string(GEMRING_TEST_DATA) + "/golden/llama-3.1";
  ModelConfig config_ = load_model_config(folder_);
  std::unique_ptr<TensorSource> weights_ = open_checkpoint(folder_);
  OneBadToken bad_{*weights_};
};

TEST_F(FailedRequest, HasAnErrorForAResultAndTheOthersTheirAnswers) {
  for (const Method method : {Method::gemfilter, Method::full}) {
    for (const auto& [name, plan] : test::plans(world().size(), method, config_.layer_count())) {
      std::vector<GenerationRequest> requests = test::mixed_requests();
      Session well(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(2)), {});
      const std::vector<GenerationResult> expected = well.generate(requests, 2);
      // Scores that are no numbers with a filter pass, logits without: the first is filtered, the second is too short.
      for (const std::size_t place : {0u, 1u}) requests[place].prompt[5] = TokenId(kBadToken);
      Session session(world(), config_, bad_, plan, gemfilter_profile(LayerIndex(2)), {});
      const std::vector<GenerationResult> got = session.generate(requests, 2);
      if (!first_rank()) continue;
      for (std::size_t i = 0; i < got.size(); ++i) {
        const std::string what = name + ", request " + std::to_string(i);
        EXPECT_EQ(got[i].error.has_value(), i < 2) << what;
        if (i < 2) {
          EXPECT_EQ(got[i].stop_reason, StopReason::failed) << what;
          EXPECT_TRUE(got[i].generated_ids.empty()) << what;
        } else {
          EXPECT_EQ(test::values(got[i].generated_ids), test::values(expected[i].generated_ids)) << what;
        }
      }
    }
  }
}

TEST_F(FailedRequest, AloneThrowsItsErrorOnRank0) {
  const ClusterPlan plan = default_plan(world().size(), Method::full, config_.layer_count());
  Session session(world(), config_, bad_, plan, gemfilter_profile(LayerIndex(2)), {});
  GenerationRequest request = test::mixed_requests().front();
  request.prompt[5] = TokenId(kBadToken);
  int code = 0;
  try {
    session.generate(request);
  } catch (const Error& error) {
    code = static_cast<int>(error.code());
  }
  EXPECT_EQ(code, first_rank() ? 7 : 0);
}

/// Gives two requests and then fails, as a file that can no longer be read.
class SourceThatFails : public RequestSource {
 public:
  explicit SourceThatFails(std::vector<GenerationRequest> requests) : requests_(std::move(requests)) {}

  std::optional<GenerationRequest> next() override {
    if (given_ == 2) throw ResourceError({"requests", "cannot be read", ""});
    GenerationRequest request = requests_.at(given_++);
    request.on_end = [this](const GenerationResult& result) { answers.push_back(result.generated_ids.size()); };
    return request;
  }
  bool ended() override { return false; }
  void wake_with(std::function<void()> /*wake*/) override {}

  std::vector<std::size_t> answers;

 private:
  std::vector<GenerationRequest> requests_;
  std::size_t given_ = 0;
};

TEST_F(FailedRequest, WhatTheSourceThrowsComesBehindTheAnswersOfThoseInFlight) {
  if (world().size() > 1) return;  // the others would wait for the report of a rank that has thrown
  const ClusterPlan plan = default_plan(1, Method::gemfilter, config_.layer_count());
  Session session(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(2)), {});
  SourceThatFails source(test::mixed_requests());
  EXPECT_THROW(session.generate(source, 2), ResourceError);
  std::sort(source.answers.begin(), source.answers.end());
  EXPECT_EQ(source.answers, (std::vector<std::size_t>{9, 14}));
}

TEST_F(FailedRequest, ARefusedOneHasItsTurnAmongTheResults) {
  const ClusterPlan plan = default_plan(world().size(), Method::gemfilter, config_.layer_count());
  Session session(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(2)), {});
  std::vector<GenerationRequest> requests = test::mixed_requests();
  requests[1].refused = UsageError({"line 2", "is none", ""});
  const std::vector<GenerationResult> got = session.generate(requests, 2);
  if (!first_rank()) return;
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_EQ(got[i].error.has_value(), i == 1) << i;
  EXPECT_EQ(got[1].error->code(), ExitCode::usage);
}

}  // namespace
}  // namespace gemring

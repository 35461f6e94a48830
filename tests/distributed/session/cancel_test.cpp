#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "distributed/session/request_source.h"
#include "distributed/session/session.h"
#include "engine/base/mutex.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

/// Where a request is when it is cancelled, as far as its callbacks can tell: they come a moment later.
enum class CancelAt { queued, filter, prefill, decode, late };
constexpr CancelAt kEveryCancelAt[] = {CancelAt::queued, CancelAt::filter, CancelAt::prefill, CancelAt::decode,
                                       CancelAt::late};
constexpr std::int32_t kFarTooMany = 3000;  // tokens; the answer is over long before them

/// All requests at once, but for the last one, which comes when the one to be cancelled has ended. Asked on rank 0.
class CancellingSource : public RequestSource {
 public:
  CancellingSource(const std::vector<GenerationRequest>& requests, std::size_t victim, CancelAt place)
      : results(requests.size()), requests_(requests), victim_(victim), place_(place) {}

  std::optional<GenerationRequest> next() override {
    const MutexLock held(mutex_);
    if (next_ == requests_.size() || (next_ + 1 == requests_.size() && !victim_ended_)) return std::nullopt;
    const std::size_t number = next_++;
    GenerationRequest request = requests_[number];
    request.on_end = [this, number](GenerationResult result) {
      results[number] = std::move(result);
      if (number == victim_) say_ended();
    };
    if (number == victim_) prepare(request);
    return request;
  }
  bool ended() override {
    const MutexLock held(mutex_);
    return next_ == requests_.size();
  }
  void wake_with(std::function<void()> wake) override {
    const MutexLock held(mutex_);
    wake_ = std::move(wake);
  }

  std::vector<GenerationResult> results;

 private:
  void prepare(GenerationRequest& request) const {
    request.cancel = std::make_shared<CancelHandle>();
    const auto cancel = request.cancel;
    if (place_ == CancelAt::queued) cancel->cancel();
    request.on_progress = [cancel, place = place_](std::string_view phase, double, double) {
      if (place == CancelAt::filter && phase == "filter") cancel->cancel();
      if (place == CancelAt::prefill && phase == "prefill") cancel->cancel();
    };
    request.on_token = [cancel, place = place_, tokens = 0](TokenId) mutable {
      if (++tokens == (place == CancelAt::late ? 20 : 1)) cancel->cancel();
    };
  }
  void say_ended() {
    const MutexLock held(mutex_);
    victim_ended_ = true;
    if (wake_) wake_();
  }

  const std::vector<GenerationRequest>& requests_;
  std::size_t victim_;
  CancelAt place_;
  Mutex mutex_;
  std::size_t next_ GEMRING_GUARDED_BY(mutex_) = 0;
  bool victim_ended_ GEMRING_GUARDED_BY(mutex_) = false;
  std::function<void()> wake_ GEMRING_GUARDED_BY(mutex_);
};

class Cancel : public testing::Test {
 protected:
  bool first_rank() const { return world().member() == 0; }

  std::vector<GenerationResult> run(Session& session, const std::vector<GenerationRequest>& requests,
                                    std::size_t victim, CancelAt place) {
    if (first_rank()) {
      CancellingSource source(requests, victim, place);
      session.generate(source, 2);
      return std::move(source.results);
    }
    NoRequests nothing;
    session.generate(nothing, 2);
    return {};
  }

  /// That every rank has given back the memory of each sequence is checked at the end of every run, and that no more of
  /// them have some than may, whenever one begins (Worker, Stage).
  void expect_cancelled_alone(Method method) {
    for (const auto& [name, plan] : test::plans(world().size(), method, config_.layer_count())) {
      Session session(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(2)), {});
      std::vector<GenerationRequest> requests = test::mixed_requests();
      const std::size_t victim = 2;
      requests[victim].prompt = test::prompt_of(403, 9);
      requests[victim].stop.max_new_tokens = 40;
      std::vector<GenerationResult> expected;
      for (const GenerationRequest& request : requests) expected.push_back(session.generate(request));
      requests[victim].stop.max_new_tokens = kFarTooMany;
      for (const CancelAt place : kEveryCancelAt) {
        const auto got = run(session, requests, victim, place);
        if (!first_rank()) continue;
        for (std::size_t i = 0; i < got.size(); ++i) {
          const std::string what =
              name + ", place " + std::to_string(static_cast<int>(place)) + ", request " + std::to_string(i);
          if (i != victim) {
            EXPECT_EQ(test::values(got[i].generated_ids), test::values(expected[i].generated_ids)) << what;
            EXPECT_EQ(got[i].kept, expected[i].kept) << what;
            EXPECT_EQ(got[i].scores, expected[i].scores) << what;
            EXPECT_EQ(got[i].stop_reason, expected[i].stop_reason) << what;
            continue;
          }
          EXPECT_EQ(got[i].stop_reason, StopReason::cancelled) << what;
          EXPECT_LT(got[i].generated_ids.size(), static_cast<std::size_t>(kFarTooMany)) << what;
          if (place == CancelAt::queued) {
            EXPECT_TRUE(got[i].generated_ids.empty()) << what;
          }
          if (place >= CancelAt::decode) {
            EXPECT_FALSE(got[i].generated_ids.empty()) << what;
          }
          const auto same = std::min(got[i].generated_ids.size(), expected[i].generated_ids.size());
          EXPECT_TRUE(std::equal(got[i].generated_ids.begin(),
                                 got[i].generated_ids.begin() + static_cast<std::ptrdiff_t>(same),
                                 expected[i].generated_ids.begin()))
              << what;
        }
      }
    }
  }

  std::string folder_ = std::string(GEMRING_TEST_DATA) + "/golden/llama-3.1";
  ModelConfig config_ = load_model_config(folder_);
  std::unique_ptr<TensorSource> weights_ = open_checkpoint(folder_);
};

TEST_F(Cancel, EndsOneRequestWhereverItIsAndLeavesTheOthersTheirBits) {
  expect_cancelled_alone(Method::gemfilter);
}

TEST_F(Cancel, EndsOneRequestWithoutAFilterPassToo) {
  expect_cancelled_alone(Method::full);
}

TEST_F(Cancel, BehindTheEndChangesNothing) {
  const ClusterPlan plan = default_plan(world().size(), Method::gemfilter, config_.layer_count());
  Session session(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(2)), {});
  GenerationRequest request = test::mixed_requests().front();
  request.cancel = std::make_shared<CancelHandle>();
  const GenerationResult result = session.generate(request);
  request.cancel->cancel();
  if (first_rank()) {
    EXPECT_EQ(result.stop_reason, StopReason::length);
  }
}

}  // namespace
}  // namespace gemring

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "distributed/session/request_source.h"
#include "distributed/session/session.h"
#include "engine/base/mutex.h"
#include "engine/kernels/compute.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

using test::mixed_requests;

class Requests : public testing::Test {
 protected:
  Session session(const ClusterPlan& plan) {
    return Session(world(), config_, *weights_, plan, gemfilter_profile(LayerIndex(2)), {});
  }
  bool first_rank() const { return world().member() == 0; }

  /// What each answers alone.
  std::vector<GenerationResult> alone(Session& session, const std::vector<GenerationRequest>& requests) {
    std::vector<GenerationResult> results;
    for (const GenerationRequest& request : requests) results.push_back(session.generate(request));
    return results;
  }

  void expect_alike(const std::vector<GenerationResult>& got, const std::vector<GenerationResult>& expected,
                    const std::string& name) const {
    EXPECT_EQ(got.size(), expected.size()) << name;
    for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) {
      if (!first_rank()) continue;
      EXPECT_EQ(got[i].kept, expected[i].kept) << name << ", request " << i;
      EXPECT_EQ(test::values(got[i].generated_ids), test::values(expected[i].generated_ids))
          << name << ", request " << i;
      EXPECT_EQ(got[i].scores, expected[i].scores) << name << ", request " << i;
      EXPECT_EQ(got[i].stop_reason, expected[i].stop_reason) << name << ", request " << i;
      EXPECT_EQ(got[i].prompt_tokens, expected[i].prompt_tokens) << name << ", request " << i;
    }
  }

  void expect_answers_of_each_alone(Method method) {
    for (const auto& [name, plan] : test::plans(world().size(), method, config_.layer_count())) {
      Session session = this->session(plan);
      std::vector<GenerationRequest> requests = mixed_requests();
      // A token that the first request is about to say ends it, and others where they say it.
      const std::vector<GenerationResult> free = alone(session, {requests.front()});
      if (first_rank()) {
        for (GenerationRequest& request : requests) request.stop.end_tokens = {free.front().generated_ids.at(3)};
      }
      const std::vector<GenerationResult> expected = alone(session, requests);
      EXPECT_EQ(expected.front().stop_reason, first_rank() ? StopReason::end_token : StopReason::none);
      for (std::int32_t sequences = 1; sequences <= 4; ++sequences) {
        expect_alike(session.generate(requests, sequences), expected,
                     name + ", " + std::to_string(sequences) + " in the stages");
      }
    }
  }

  std::string folder_ = std::string(GEMRING_TEST_DATA) + "/golden/llama-3.1";
  ModelConfig config_ = load_model_config(folder_);
  std::unique_ptr<TensorSource> weights_ = open_checkpoint(folder_);
};

TEST_F(Requests, AnswerToTheBitWhatEachAnswersAlone) {
  expect_answers_of_each_alone(Method::gemfilter);
}

TEST_F(Requests, AnswerToTheBitWhatEachAnswersAloneWithoutAFilterPass) {
  expect_answers_of_each_alone(Method::full);
}

TEST_F(Requests, AnswerToTheBitWhatEachAnswersAloneInTheMachinesFastestTypes) {
  const Compute before = active_compute();
  set_active_compute(choose_compute(std::nullopt, active_isa(), /*bf16_is_faster=*/true));
  expect_answers_of_each_alone(Method::gemfilter);
  set_active_compute(before);
}

/// Gives its requests from a thread of its own, each only when the one before has ended: with none in flight the
/// coordinator has nothing to wait for but this.
class SlowSource : public RequestSource {
 public:
  explicit SlowSource(std::vector<GenerationRequest> requests) : requests_(std::move(requests)) {
    writer_ = std::thread([this] { write(); });
  }
  ~SlowSource() override { writer_.join(); }

  std::optional<GenerationRequest> next() override {
    const MutexLock held(mutex_);
    return std::exchange(ready_, std::nullopt);
  }
  bool ended() override {
    const MutexLock held(mutex_);
    return ended_ && !ready_;
  }
  void wake_with(std::function<void()> wake) override {
    const MutexLock held(mutex_);
    wake_ = std::move(wake);
  }

  std::vector<GenerationResult> results;

 private:
  void write() {
    for (GenerationRequest& request : requests_) {
      const std::size_t number = results.size();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      request.on_end = [this](GenerationResult result) {
        const MutexLock held(mutex_);
        results.push_back(std::move(result));
        over_.notify_one();
      };
      const MutexLock held(mutex_);
      ready_ = std::move(request);
      if (wake_) wake_();
      while (results.size() <= number) over_.wait(mutex_);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    const MutexLock held(mutex_);
    ended_ = true;
    if (wake_) wake_();
  }

  std::vector<GenerationRequest> requests_;
  Mutex mutex_;
  CondVar over_;
  std::optional<GenerationRequest> ready_;
  bool ended_ = false;
  std::function<void()> wake_;
  std::thread writer_;
};

TEST_F(Requests, MayComeWhileOthersRunOrNoneDoes) {
  const ClusterPlan plan = default_plan(world().size(), Method::gemfilter, config_.layer_count());
  Session session = this->session(plan);
  const std::vector<GenerationRequest> requests = mixed_requests();
  const std::vector<GenerationResult> expected = alone(session, requests);
  if (first_rank()) {
    SlowSource source(requests);
    const JobReport report = session.generate(source, 2);
    EXPECT_EQ(report.ranks.size(), static_cast<std::size_t>(world().size()));
    expect_alike(source.results, expected, "slow source");
  } else {
    class : public RequestSource {
      std::optional<GenerationRequest> next() override { throw std::logic_error("asked on another rank"); }
      bool ended() override { throw std::logic_error("asked on another rank"); }
      void wake_with(std::function<void()>) override {}
    } nothing;
    session.generate(nothing, 2);
  }
}

/// As a file some of whose lines are no requests: those are refused inside next(), so that only behind it is known
/// that there will never be another one.
class SourceThatRefuses : public RequestSource {
 public:
  /// good[i]: whether the i-th is a request; each good one is the next of `requests`.
  SourceThatRefuses(std::vector<bool> good, std::vector<GenerationRequest> requests)
      : good_(std::move(good)), requests_(std::move(requests)) {}

  std::optional<GenerationRequest> next() override {
    while (at_ < good_.size()) {
      if (!good_[at_++]) {
        ++refused;
        continue;
      }
      GenerationRequest request = requests_.at(good_so_far_++);
      request.on_end = [this](GenerationResult result) { results.push_back(std::move(result)); };
      return request;
    }
    return std::nullopt;
  }
  bool ended() override { return at_ == good_.size(); }
  void wake_with(std::function<void()> /*wake*/) override {}

  std::size_t refused = 0;
  std::vector<GenerationResult> results;

 private:
  std::vector<bool> good_;
  std::vector<GenerationRequest> requests_;
  std::size_t at_ = 0, good_so_far_ = 0;
};

TEST_F(Requests, EndWhereverThoseStandThatAreRefused) {
  Session session = this->session(default_plan(world().size(), Method::gemfilter, config_.layer_count()));
  const std::vector<GenerationRequest> requests = mixed_requests();
  for (unsigned good = 0; good < 8; ++good) {  // every combination of three
    const std::vector<bool> kinds = {(good & 1) != 0, (good & 2) != 0, (good & 4) != 0};
    const auto count = static_cast<std::size_t>(std::count(kinds.begin(), kinds.end(), true));
    SourceThatRefuses source(first_rank() ? kinds : std::vector<bool>(), requests);
    session.generate(source, 1);
    EXPECT_EQ(source.results.size(), first_rank() ? count : 0) << good;
    EXPECT_EQ(source.refused, first_rank() ? 3 - count : 0) << good;
  }
}

TEST_F(Requests, OfWhichThereAreNoneGiveNoResults) {
  Session session = this->session(default_plan(world().size(), Method::gemfilter, config_.layer_count()));
  EXPECT_TRUE(session.generate(std::span<const GenerationRequest>(), 3).empty());
}

/// The first token of the first request is told only once all others were taken up: who is slow to take results holds
/// up nobody else.
class SourceWithASlowReader : public RequestSource {
 public:
  explicit SourceWithASlowReader(std::vector<GenerationRequest> requests) : requests_(std::move(requests)) {}

  std::optional<GenerationRequest> next() override {
    const MutexLock held(mutex_);
    if (given_ == requests_.size()) return std::nullopt;
    GenerationRequest request = requests_[given_++];
    all_given_.notify_all();
    request.on_end = [this](GenerationResult result) { results.push_back(std::move(result)); };
    if (given_ == 1) request.on_token = [this](TokenId) { wait_for_all(); };
    return request;
  }
  bool ended() override {
    const MutexLock held(mutex_);
    return given_ == requests_.size();
  }
  void wake_with(std::function<void()> /*wake*/) override {}

  std::vector<GenerationResult> results;
  bool all_were_given = true;

 private:
  void wait_for_all() {
    const MutexLock held(mutex_);
    while (all_were_given && given_ < requests_.size()) all_were_given = all_given_.wait_for(mutex_, 15);
  }

  Mutex mutex_;
  CondVar all_given_;
  std::vector<GenerationRequest> requests_;
  std::size_t given_ = 0;
};

TEST_F(Requests, WhoIsSlowToTakeResultsHoldsUpNobody) {
  Session session = this->session(default_plan(world().size(), Method::gemfilter, config_.layer_count()));
  const std::vector<GenerationRequest> requests = mixed_requests();
  SourceWithASlowReader source(first_rank() ? requests : std::vector<GenerationRequest>());
  session.generate(source, 2);
  if (!first_rank()) return;
  EXPECT_TRUE(source.all_were_given);
  EXPECT_EQ(source.results.size(), requests.size());
}

TEST_F(Requests, SayEveryTokenAndTheirEndOnce) {
  Session session = this->session(default_plan(world().size(), Method::gemfilter, config_.layer_count()));
  std::vector<GenerationRequest> requests = mixed_requests();
  std::vector<std::vector<TokenId>> said(requests.size());
  std::vector<int> ends(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].on_token = [&said, i](TokenId id) { said[i].push_back(id); };
    requests[i].on_end = [&said, &ends, i](const GenerationResult& result) {
      ++ends[i];
      EXPECT_EQ(test::values(result.generated_ids), test::values(said[i]));
      EXPECT_GE(result.seconds, result.time_to_first_token_seconds);
      EXPECT_GE(result.time_to_first_token_seconds, result.filter_seconds);
    };
  }
  session.generate(requests, 3);
  if (!first_rank()) return;
  EXPECT_EQ(ends, std::vector<int>(requests.size(), 1));
}

TEST_F(Requests, EndInAStopStringAndPayForWhatTheyRepeat) {
  Session session = this->session(default_plan(world().size(), Method::full, config_.layer_count()));
  GenerationRequest request = mixed_requests().front();
  request.stop.max_new_tokens = 6;
  std::vector<TokenId> text;
  request.stop.ends_text = [&text](TokenId id) { return text.push_back(id), text.size() == 4; };
  const GenerationResult stopped = session.generate(request);
  request.stop.ends_text = {};
  const GenerationResult free = session.generate(request);
  const TokenId first = first_rank() ? free.generated_ids.front() : TokenId(0);
  request.unknown_tokens = {first};
  const GenerationResult with_hole = session.generate(request);
  request.unknown_tokens = {};
  request.prompt.push_back(first);  // what the prompt ends in is penalised from the first token on
  request.sampling.penalties = {.presence = 100.0f, .last_n = -1};
  const GenerationResult penalised = session.generate(request);
  if (!first_rank()) return;
  EXPECT_EQ(stopped.stop_reason, StopReason::stop_string);
  EXPECT_EQ(stopped.generated_ids, text) << "the token that completes it is the last";
  EXPECT_EQ(text, std::vector(free.generated_ids.begin(), free.generated_ids.begin() + 4));
  EXPECT_EQ(free.stop_reason, StopReason::length);
  const auto& other = with_hole.generated_ids;
  EXPECT_EQ(std::count(other.begin(), other.end(), first), 0);
  std::vector<TokenId> all = request.prompt;
  all.insert(all.end(), penalised.generated_ids.begin(), penalised.generated_ids.end());
  for (std::size_t i = request.prompt.size(); i < all.size(); ++i) {
    const auto before = all.begin() + static_cast<std::ptrdiff_t>(i);
    EXPECT_EQ(std::count(all.begin(), before, all[i]), 0) << "token " << i << " was said before";
  }
}

}  // namespace
}  // namespace gemring

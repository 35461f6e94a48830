#include "distributed/session/coordinator.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "engine/base/place.h"
#include "tests/distributed/session/request_cases.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

/// Gives its requests, and then says whether others may come.
class Source : public RequestSource {
 public:
  Source(std::vector<GenerationRequest> requests, bool ends) : requests_(std::move(requests)), ends_(ends) {}
  std::optional<GenerationRequest> next() override {
    if (given_ == requests_.size()) return std::nullopt;
    return requests_[given_++];
  }
  bool ended() override { return ends_ && given_ == requests_.size(); }
  void wake_with(std::function<void()> /*wake*/) override {}

 private:
  std::vector<GenerationRequest> requests_;
  bool ends_;
  std::size_t given_ = 0;
};

const ModelSize kThreeSteps = {
    .vocab = 10, .filter_layers = 3, .filter_steps = [](std::int32_t, std::int32_t) { return 3; }};

/// What the watch sees of rank 0 while its worker waits for a coordinator that has nothing to do but wait.
Place place_of_waiting(Source& source, Place::State expected) {
  const DrivingThread worker(DrivingThread::Role::worker);
  const WaitMark waits(kOwnCoordinator);
  EventQueue events(100);
  const ClusterPlan plan = default_plan(1, Method::gemfilter, 4);
  Coordinator coordinator(world(), plan, kThreeSteps, source, {}, events);
  std::thread coordinating([&] { coordinator.run(); });
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (look_at_process().place.state != expected && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const Place place = look_at_process().place;
  coordinator.stop();
  coordinating.join();
  return place;
}

TEST(Coordinator, IsIdleByDesignWhereRequestsMayCome) {
  if (world().size() > 1) return;
  Source source({}, false);
  EXPECT_EQ(place_of_waiting(source, Place::State::outside).state, Place::State::outside);
}

TEST(Coordinator, ThatWaitsForStepsThatNobodyRunsWaitsForItsOwnRank) {
  if (world().size() > 1) return;
  for (const bool ends : {true, false}) {  // others that may come do not excuse it
    Source source({test::mixed_requests().front()}, ends);
    const Place place = place_of_waiting(source, Place::State::waiting);
    EXPECT_EQ(place.state, Place::State::waiting);
    EXPECT_EQ(place.waits_for, kOwnWorker);
  }
}

TEST(Coordinator, AFailedRunDropsTheStepsThatWait) {
  if (world().size() > 1) return;
  Source source({test::mixed_requests().front()}, true);
  EventQueue events(100);
  const ClusterPlan plan = default_plan(1, Method::gemfilter, 4);
  Coordinator coordinator(world(), plan, kThreeSteps, source, {}, events);
  std::thread coordinating([&] { coordinator.run(); });
  double waited = 0;
  EXPECT_EQ(coordinator.local_steps().take(waited).step.kind, Step::Kind::filter);
  coordinator.stop();  // the second step of the pass waits in the queue
  coordinating.join();
  EXPECT_THROW(coordinator.local_steps().take(waited), RunFailed);
}

}  // namespace
}  // namespace gemring

#include "engine/base/place.h"

#include <gtest/gtest.h>

#include <thread>

#include "engine/base/log.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

using Role = DrivingThread::Role;

Place here() {
  return look_at_process().place;
}

/// Whether `step` is progress.
template <class Step>
bool marks(Step step) {
  const std::uint64_t before = look_at_process().marks;
  step();
  return look_at_process().marks != before;
}

TEST(Place, OutsideOfARequestNobodyComputes) {
  set_log_phase("load");
  EXPECT_EQ(here().state, Place::State::outside);
  EXPECT_EQ(describe(here()), "load");
}

TEST(Place, SaysPhaseRequestChunkLayerRingStepAndInnermostSpan) {
  const DrivingThread drives(Role::worker);
  set_log_phase("prefill");
  mark_request(0);
  mark_chunk(1);
  const TraceSpan layer("layer", SpanKind::other, 5, LayerIndex(7));
  const RingStepMark ring(1, 4);
  {
    const TraceSpan span("attend", SpanKind::attention);
    EXPECT_EQ(describe(here()), "prefill, request 1, chunk 2, layer 7, ring step 2 of 4, attend");
    EXPECT_EQ(here().state, Place::State::computing);
  }
  EXPECT_EQ(describe(here()), "prefill, request 1, chunk 2, layer 7, ring step 2 of 4, layer");
}

TEST(Place, IsForgottenBehindItsBlock) {
  const DrivingThread drives(Role::worker);
  set_log_phase("decode");
  mark_request(2);
  mark_position(40);
  {
    const TraceSpan layer("layer", SpanKind::other, 5, LayerIndex(7));
    const RingStepMark ring(1, 4);
  }
  EXPECT_EQ(describe(here()), "decode, request 3, token at position 41");
}

TEST(Place, OfAWaitIsForWhom) {
  const DrivingThread drives(Role::worker);
  set_log_phase("decode");
  {
    const WaitMark waiting(3);
    EXPECT_EQ(here().state, Place::State::waiting);
    EXPECT_EQ(describe(here()), "decode; waits for rank 3");
  }
  EXPECT_EQ(here().state, Place::State::computing);
  const WaitMark waiting(kEveryone);
  EXPECT_EQ(describe(here()), "decode; waits for all of its group");
}

TEST(Place, OfAWorkerThatWaitsForItsCoordinatorIsTheCoordinators) {
  const DrivingThread worker(Role::worker);
  const WaitMark waiting(kOwnCoordinator);
  std::thread([] {
    const DrivingThread coordinator(Role::coordinator);
    EXPECT_EQ(here().state, Place::State::computing);
    mark_waiting(2);
    EXPECT_EQ(here().state, Place::State::waiting);
    EXPECT_EQ(here().waits_for, 2);
    EXPECT_TRUE(marks([] { mark_progress(); }));
    const OutsideMark output;
    EXPECT_EQ(here().state, Place::State::outside);
  }).join();
}

TEST(Place, OfAWorkerThatComputesIsNotTheCoordinators) {
  const DrivingThread worker(Role::worker);
  std::thread([] {
    const DrivingThread coordinator(Role::coordinator);
    mark_waiting(2);
    EXPECT_EQ(here().state, Place::State::computing);
    EXPECT_FALSE(marks([] { mark_progress(); })) << "a worker that hangs is not excused by its coordinator";
  }).join();
}

TEST(Place, HeldUpFromOutsideIsOutside) {
  const DrivingThread drives(Role::worker);
  const OutsideMark output;
  EXPECT_EQ(here().state, Place::State::outside);
}

TEST(Place, SpansAndTasksAreProgressAndWaitingIsNot) {
  const DrivingThread drives(Role::worker);
  EXPECT_TRUE(marks([] { const TraceSpan span("norm", SpanKind::norm); }));
  EXPECT_TRUE(marks([] { std::thread(mark_task).join(); }));
  EXPECT_FALSE(marks([] { const WaitMark waiting(1); }));
  EXPECT_FALSE(marks([] {}));
}

TEST(Place, OtherThreadsMarkNothing) {
  const DrivingThread drives(Role::worker);
  set_log_phase("filter");
  std::thread([] {
    const TraceSpan layer("layer", SpanKind::other, 5, LayerIndex(7));
    const WaitMark waiting(3);
    mark_request(5);
    EXPECT_EQ(describe(here()), "filter");
  }).join();
}

}  // namespace
}  // namespace gemring

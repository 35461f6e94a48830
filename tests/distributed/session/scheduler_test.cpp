#include "distributed/session/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gemring {
namespace {

/// "F0": first pass of request 0; "P0": its prefill; "D01": a step of requests 0 and 1. All that may begin now.
std::string begun(Scheduler& scheduler) {
  std::string text;
  while (const auto step = scheduler.next()) {
    text += text.empty() ? "" : " ";
    text += step->kind == Scheduler::Kind::filter ? 'F' : step->kind == Scheduler::Kind::prefill ? 'P' : 'D';
    for (const std::int32_t request : step->requests) text += std::to_string(request);
  }
  return text;
}

/// The step of `requests` is over, and so are the requests in `ended`.
void end_step(Scheduler& scheduler, const std::vector<std::int32_t>& requests,
              const std::vector<std::int32_t>& ended = {}) {
  scheduler.decode_step_ended();
  for (const std::int32_t request : requests) {
    scheduler.decoded(request, std::find(ended.begin(), ended.end(), request) != ended.end());
  }
}

TEST(Scheduler, OneRequestGoesFromItsFirstPassToItsEnd) {
  Scheduler scheduler({.sequences = 1, .stages = 2});
  EXPECT_EQ(scheduler.add(true), 0);
  EXPECT_EQ(begun(scheduler), "F0");
  EXPECT_EQ(begun(scheduler), "");
  scheduler.filtered(0);
  EXPECT_EQ(begun(scheduler), "P0");
  scheduler.prefilled(0, false);
  EXPECT_EQ(begun(scheduler), "D0");
  end_step(scheduler, {0});
  EXPECT_EQ(begun(scheduler), "D0");
  EXPECT_FALSE(scheduler.all_over());
  end_step(scheduler, {0}, {0});
  EXPECT_EQ(begun(scheduler), "");
  EXPECT_TRUE(scheduler.all_over());
}

TEST(Scheduler, OneMoreRequestMayWaitThanIsWorkedOn) {
  Scheduler scheduler({.sequences = 1, .stages = 1});
  EXPECT_TRUE(scheduler.has_room());
  scheduler.add(true);
  EXPECT_FALSE(scheduler.has_room());
  EXPECT_EQ(begun(scheduler), "F0");
  EXPECT_TRUE(scheduler.has_room());
  EXPECT_EQ(scheduler.add(true), 1);
  EXPECT_FALSE(scheduler.has_room());
  EXPECT_EQ(begun(scheduler), "");  // the filter is busy
}

TEST(Scheduler, TheNextFirstPassRunsBesideTheLastRequestsPrefill) {
  Scheduler scheduler({.sequences = 1, .stages = 1});
  scheduler.add(true);
  EXPECT_EQ(begun(scheduler), "F0");
  scheduler.add(true);
  scheduler.filtered(0);
  EXPECT_EQ(begun(scheduler), "P0 F1");
}

TEST(Scheduler, FirstPassesRunOneRequestAheadAndNotTwo) {
  Scheduler scheduler({.sequences = 1, .stages = 1});
  scheduler.add(true);
  EXPECT_EQ(begun(scheduler), "F0");
  scheduler.filtered(0);
  scheduler.add(true);
  EXPECT_EQ(begun(scheduler), "P0 F1");
  scheduler.add(true);
  scheduler.filtered(1);
  EXPECT_EQ(begun(scheduler), "");  // request 0 has the only place in the stages, request 1 waits for it, 2 behind it
  scheduler.prefilled(0, true);
  EXPECT_EQ(begun(scheduler), "P1 F2");
}

TEST(Scheduler, WithoutFirstPassesAsManyPrefillsAsThereArePlaces) {
  Scheduler scheduler({.sequences = 2, .stages = 2});
  scheduler.add(false);
  EXPECT_EQ(begun(scheduler), "P0");
  scheduler.add(false);
  EXPECT_EQ(begun(scheduler), "P1");
  scheduler.add(false);
  EXPECT_EQ(begun(scheduler), "");
  scheduler.prefilled(0, false);
  EXPECT_EQ(begun(scheduler), "D0");
  end_step(scheduler, {0}, {0});
  EXPECT_EQ(begun(scheduler), "P2");
}

/// With so many sequences past their prefill, of which none has begun a step.
Scheduler prefilled(std::int32_t sequences, std::int32_t stages) {
  Scheduler scheduler({.sequences = sequences, .stages = stages});
  for (std::int32_t request = 0; request < sequences; ++request) {
    scheduler.add(false);
    EXPECT_EQ(begun(scheduler), "P" + std::to_string(request));
  }
  for (std::int32_t request = 0; request < sequences; ++request) scheduler.prefilled(request, false);
  return scheduler;
}

TEST(Scheduler, SequencesSpreadOverAsManyStepsAsThereAreStages) {
  Scheduler scheduler = prefilled(4, 2);
  EXPECT_EQ(begun(scheduler), "D01 D23");
  end_step(scheduler, {0, 1}, {1});
  EXPECT_EQ(begun(scheduler), "D0");
  end_step(scheduler, {2, 3}, {2, 3});
  EXPECT_EQ(begun(scheduler), "");
  end_step(scheduler, {0}, {0});
  EXPECT_TRUE(scheduler.all_over());
  Scheduler nine = prefilled(9, 3);
  EXPECT_EQ(begun(nine), "D012 D345 D678");
}

TEST(Scheduler, BesideAFirstPassUpToFourSequencesAreOneStep) {
  Scheduler scheduler = prefilled(4, 2);
  scheduler.add(true);
  EXPECT_EQ(begun(scheduler), "D01 D23 F4");
  end_step(scheduler, {0, 1});
  EXPECT_EQ(begun(scheduler), "");  // they wait for the others
  end_step(scheduler, {2, 3});
  EXPECT_EQ(begun(scheduler), "D0123");
  scheduler.filtered(4);
  end_step(scheduler, {0, 1, 2, 3});
  EXPECT_EQ(begun(scheduler), "D01 D23");
}

TEST(Scheduler, BesideAFirstPassMoreThanFourSequencesAreTwoSteps) {
  Scheduler scheduler = prefilled(7, 3);
  EXPECT_EQ(begun(scheduler), "D012 D345 D6");
  scheduler.add(true);
  EXPECT_EQ(begun(scheduler), "F7");
  end_step(scheduler, {0, 1, 2});
  end_step(scheduler, {3, 4, 5});
  EXPECT_EQ(begun(scheduler), "D0123");
  end_step(scheduler, {6});
  EXPECT_EQ(begun(scheduler), "D456");
}

TEST(Scheduler, WhatIsReadyToDecodeGoesBeforeAPrefill) {
  Scheduler scheduler({.sequences = 2, .stages = 1});
  scheduler.add(true);
  EXPECT_EQ(begun(scheduler), "F0");
  scheduler.filtered(0);
  scheduler.add(true);
  EXPECT_EQ(begun(scheduler), "P0 F1");
  scheduler.filtered(1);
  scheduler.prefilled(0, false);
  EXPECT_EQ(begun(scheduler), "D0 P1");
}

TEST(Scheduler, ARequestWhoseFirstTokenIsItsLastGivesItsPlaceAway) {
  Scheduler scheduler({.sequences = 1, .stages = 3});
  scheduler.add(false);
  EXPECT_EQ(begun(scheduler), "P0");
  scheduler.add(false);
  scheduler.prefilled(0, true);
  EXPECT_EQ(begun(scheduler), "P1");
}

TEST(Scheduler, NoRequestIsNoWork) {
  Scheduler scheduler({.sequences = 3, .stages = 2});
  EXPECT_EQ(begun(scheduler), "");
  EXPECT_TRUE(scheduler.all_over());
}

}  // namespace
}  // namespace gemring

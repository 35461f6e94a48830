#include "distributed/session/scheduler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace gemring {
namespace {

/// A scheduler with words for what tests say of it. Requests have a filter pass of one step and a prefill of one where
/// nothing else is said.
class Steps {
 public:
  Steps(std::int32_t sequences, std::int32_t stages) : scheduler_({.sequences = sequences, .stages = stages}) {}

  /// "F0": the filter step of request 0; "P0": its prefill; "D01": a decode step of requests 0 and 1. All that may
  /// begin now. With `parts` "F0.2": the third step of its filter pass.
  std::string begun(bool parts = false) {
    std::string text;
    while (const auto step = scheduler_.next()) {
      text += text.empty() ? "" : " ";
      text += step->kind == Scheduler::Kind::filter ? 'F' : step->kind == Scheduler::Kind::prefill ? 'P' : 'D';
      for (const std::int32_t request : step->requests) text += std::to_string(request);
      if (parts && step->kind != Scheduler::Kind::decode) text += "." + std::to_string(step->part);
      under_way_.push_back(*step);
    }
    return text;
  }

  std::int32_t add(bool filters) { return scheduler_.add({.filter_steps = filters ? 1 : 0, .filter_step_cost = 1}); }
  std::int32_t add(const Scheduler::Passes& passes) { return scheduler_.add(passes); }

  /// The oldest step under way of these requests is over, and so are the requests in `ended`.
  void end_step(const std::vector<std::int32_t>& requests, const std::vector<std::int32_t>& ended = {}) {
    const auto step =
        std::find_if(under_way_.begin(), under_way_.end(), [&](const auto& one) { return one.requests == requests; });
    ASSERT_TRUE(step != under_way_.end());
    const Scheduler::Choice over = *step;
    under_way_.erase(step);
    scheduler_.ended(over);
    for (const std::int32_t request : ended) scheduler_.end(request);
  }

  Scheduler& operator*() { return scheduler_; }

 private:
  Scheduler scheduler_;
  std::vector<Scheduler::Choice> under_way_;
};

TEST(Scheduler, StepsOfAPrefillMayBeKnownOnlyBehindTheFilterPass) {
  Steps run(1, 1);
  run.add({.filter_steps = 1, .filter_step_cost = 1, .prefill_steps = 5});
  EXPECT_EQ(run.begun(true), "F0.0");
  (*run).set_prefill_steps(0, 2);
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "P0.0 P0.1");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "D0");
}

TEST(Scheduler, OneRequestGoesFromItsFilterPassToItsEnd) {
  Steps run(1, 2);
  EXPECT_EQ(run.add(true), 0);
  EXPECT_EQ(run.begun(), "F0");
  EXPECT_EQ(run.begun(), "");
  run.end_step({0});
  EXPECT_EQ(run.begun(), "P0");
  run.end_step({0});
  EXPECT_EQ(run.begun(), "D0");
  run.end_step({0});
  EXPECT_EQ(run.begun(), "D0");
  EXPECT_FALSE((*run).all_over());
  run.end_step({0}, {0});
  EXPECT_EQ(run.begun(), "");
  EXPECT_TRUE((*run).all_over());
}

TEST(Scheduler, OneMoreRequestMayWaitThanIsWorkedOn) {
  Steps run(1, 1);
  EXPECT_TRUE((*run).has_room());
  run.add(true);
  EXPECT_FALSE((*run).has_room());
  EXPECT_EQ(run.begun(), "F0");
  EXPECT_TRUE((*run).has_room());
  EXPECT_EQ(run.add(true), 1);
  EXPECT_FALSE((*run).has_room());
  EXPECT_EQ(run.begun(), "");  // the filter is busy
}

TEST(Scheduler, TheNextFilterPassRunsBesideTheLastRequestsPrefill) {
  Steps run(1, 1);
  run.add(true);
  EXPECT_EQ(run.begun(), "F0");
  run.add(true);
  run.end_step({0});
  EXPECT_EQ(run.begun(), "P0 F1");
}

TEST(Scheduler, FilterPassesRunOneRequestAheadAndNotTwo) {
  Steps run(1, 1);
  run.add(true);
  EXPECT_EQ(run.begun(), "F0");
  run.end_step({0});
  run.add(true);
  EXPECT_EQ(run.begun(), "P0 F1");
  run.add(true);
  run.end_step({1});
  EXPECT_EQ(run.begun(), "");  // request 0 has the only place in the stages, request 1 waits for it, 2 behind it
  run.end_step({0}, {0});
  EXPECT_EQ(run.begun(), "P1 F2");
}

TEST(Scheduler, WithoutFilterPassesAsManyPrefillsAsThereArePlaces) {
  Steps run(2, 2);
  run.add(false);
  EXPECT_EQ(run.begun(), "P0");
  run.add(false);
  EXPECT_EQ(run.begun(), "P1");
  run.add(false);
  EXPECT_EQ(run.begun(), "");
  run.end_step({0});
  EXPECT_EQ(run.begun(), "D0");
  run.end_step({0}, {0});
  EXPECT_EQ(run.begun(), "P2");
}

TEST(Scheduler, APassIsTwoStepsAheadOfWhatIsOver) {
  Steps run(1, 3);
  run.add({.filter_steps = 4, .filter_step_cost = 1, .prefill_steps = 6});
  EXPECT_EQ(run.begun(true), "F0.0 F0.1");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "F0.2");
  run.end_step({0});
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "F0.3");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "P0.0 P0.1 P0.2 P0.3");  // three stages have one each, and one waits
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "P0.4");
  for (int i = 0; i < 4; ++i) run.end_step({0});
  EXPECT_EQ(run.begun(true), "P0.5");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "D0");
}

TEST(Scheduler, TheNextPrefillFollowsTheLastChunkWithoutAGap) {
  Steps run(2, 2);
  run.add({.prefill_steps = 2});
  EXPECT_EQ(run.begun(true), "P0.0 P0.1");
  run.add({.prefill_steps = 2});
  EXPECT_EQ(run.begun(true), "P1.0");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "P1.1");
}

TEST(Scheduler, DecodeStepsGoBetweenTheStepsOfPasses) {
  Steps run(2, 1);
  run.add(false);
  EXPECT_EQ(run.begun(), "P0");
  run.end_step({0});
  run.add({.filter_steps = 8, .filter_step_cost = 100, .prefill_steps = 3});
  EXPECT_EQ(run.begun(true), "D0 F1.0 F1.1");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "D0");
  run.end_step({1});
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "D0 F1.2");
}

TEST(Scheduler, AShortPassGoesThroughBetweenTwoStepsOfALongOne) {
  Steps run(3, 1);
  run.add({.filter_steps = 8, .filter_step_cost = 100});
  EXPECT_EQ(run.begun(true), "F0.0 F0.1");
  run.add({.filter_steps = 8, .filter_step_cost = 10});  // 80 of the 600 that the long one still has
  EXPECT_EQ(run.begun(true), "");                        // two steps are under way
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "F1.0");
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "F1.1");
  for (int i = 0; i < 7; ++i) {
    run.end_step({1});
    run.begun();
  }
  run.end_step({1});
  EXPECT_EQ(run.begun(true), "P1.0 F0.3");  // 0.2 began beside the last step of the short one
}

TEST(Scheduler, APassThatIsNotMuchShorterWaits) {
  Steps run(3, 1);
  run.add({.filter_steps = 8, .filter_step_cost = 100});
  run.begun();
  run.add({.filter_steps = 8, .filter_step_cost = 40});  // 320 of 600: more than half
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "F0.2");
}

TEST(Scheduler, APassIsHeldUpByNoMoreWorkThanItsOwn) {
  Steps run(100, 1);
  run.add({.filter_steps = 100, .filter_step_cost = 10});
  EXPECT_EQ(run.begun(true), "F0.0 F0.1");
  int overtaken = 0;  // by passes of 100 each, of which there is always another one
  for (int request = 1; request < 30; ++request) {
    run.end_step({0});
    run.end_step({0});
    EXPECT_EQ(run.add({.filter_steps = 2, .filter_step_cost = 50}), request);
    if (run.begun().find("F" + std::to_string(request)) == std::string::npos) break;
    ++overtaken;
    run.end_step({request});
    run.end_step({request});
    run.begun();  // its prefill, and two steps of the long pass
    run.end_step({request}, {request});
  }
  EXPECT_EQ(overtaken, 10);
}

TEST(Scheduler, OnlyTwoFilterPassesAreAlive) {
  Steps run(9, 1);
  run.add({.filter_steps = 100, .filter_step_cost = 100});
  run.begun();
  run.add({.filter_steps = 100, .filter_step_cost = 10});
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "F1.0");
  run.add({.filter_steps = 100, .filter_step_cost = 1});
  run.end_step({0});
  EXPECT_EQ(run.begun(true), "F1.1");
}

TEST(Scheduler, ARequestWithoutAFilterPassDoesNotWaitForOne) {
  Steps run(2, 1);
  run.add({.filter_steps = 9, .filter_step_cost = 1});
  EXPECT_EQ(run.begun(), "F0 F0");
  run.add(false);
  EXPECT_EQ(run.begun(), "P1");
}

/// With so many sequences past their prefill, of which none has begun a step. Requires: at most one more than stages.
Steps prefilled(std::int32_t sequences, std::int32_t stages) {
  Steps run(sequences, stages);
  for (std::int32_t request = 0; request < sequences; ++request) {
    run.add(false);
    run.begun();
  }
  for (std::int32_t request = 0; request < sequences; ++request) run.end_step({request});
  return run;
}

TEST(Scheduler, SequencesSpreadOverAsManyStepsAsThereAreStages) {
  Steps run = prefilled(3, 2);
  EXPECT_EQ(run.begun(), "D01 D2");
  run.end_step({0, 1}, {1});
  EXPECT_EQ(run.begun(), "D0");
  run.end_step({2}, {2});
  EXPECT_EQ(run.begun(), "");
  run.end_step({0}, {0});
  EXPECT_TRUE((*run).all_over());
}

TEST(Scheduler, BesideAFilterPassUpToFourSequencesAreOneStep) {
  Steps run = prefilled(4, 3);
  run.add(true);
  EXPECT_EQ(run.begun(), "D01 D23 F4");
  run.end_step({0, 1});
  EXPECT_EQ(run.begun(), "");  // they wait for the others
  run.end_step({2, 3});
  EXPECT_EQ(run.begun(), "D0123");
  run.end_step({4});
  run.end_step({0, 1, 2, 3});
  EXPECT_EQ(run.begun(), "D01 D23");
}

TEST(Scheduler, WhatIsReadyToDecodeGoesBeforeAPrefill) {
  Steps run(2, 1);
  run.add(true);
  EXPECT_EQ(run.begun(), "F0");
  run.end_step({0});
  run.add(true);
  EXPECT_EQ(run.begun(), "P0 F1");
  run.end_step({1});
  run.end_step({0});
  EXPECT_EQ(run.begun(), "D0 P1");
}

TEST(Scheduler, ARequestWhoseFirstTokenIsItsLastGivesItsPlaceAway) {
  Steps run(1, 3);
  run.add(false);
  EXPECT_EQ(run.begun(), "P0");
  run.add(false);
  run.end_step({0}, {0});
  EXPECT_EQ(run.begun(), "P1");
}

TEST(Scheduler, AStoppedRequestBeginsNothingAndItsPlaceIsFreeOnceItsStepsAreOver) {
  enum class In { waiting, filter, selected, prefill, decode };
  for (const In place : {In::waiting, In::filter, In::selected, In::prefill, In::decode}) {
    Steps run(1, 2);
    std::int32_t request = 0;
    if (place == In::selected) {  // behind one that has the only place in the stages
      run.add(false);
      EXPECT_EQ(run.begun(), "P0");
    }
    const Scheduler::Passes passes{.filter_steps = 5, .filter_step_cost = 1, .prefill_steps = 9};
    request = run.add(passes);
    if (place != In::waiting) run.begun();
    if (place >= In::selected) {
      for (int i = 0; i < 5; ++i) {
        run.end_step({request});
        run.begun();
      }
    }
    if (place == In::decode) {
      for (int i = 0; i < 9; ++i) {
        run.end_step({request});
        run.begun();
      }
    }
    (*run).stop(request);
    EXPECT_EQ(run.begun(), "");
    while ((*run).under_way(request)) run.end_step({request});
    EXPECT_EQ(run.begun(), "") << static_cast<int>(place);
    (*run).end(request);
    EXPECT_EQ((*run).all_over(), place != In::selected);
    if (place == In::selected) run.end_step({0}, {0});
    const std::int32_t next = run.add(false);  // a new request works
    EXPECT_EQ(run.begun(), "P" + std::to_string(next));
  }
}

TEST(Scheduler, NoRequestIsNoWork) {
  Steps run(3, 2);
  EXPECT_EQ(run.begun(), "");
  EXPECT_TRUE((*run).all_over());
}

}  // namespace
}  // namespace gemring

#include "engine/base/trace.h"

#include <gtest/gtest.h>
#include <time.h>

#include <numeric>
#include <thread>

#include "engine/base/check.h"

namespace gemring {
namespace {

void pass_time() {
  const timespec pause{0, 100'000};
  nanosleep(&pause, nullptr);
}

std::int64_t of(const PhaseRecord& phase, SpanKind kind) {
  return phase.kinds[static_cast<std::size_t>(kind)];
}

std::int64_t sum(const PhaseRecord& phase) {
  return std::accumulate(phase.kinds.begin(), phase.kinds.end(), std::int64_t{0});
}

TEST(Trace, NothingIsRecordedWhileNoneIsStarted) {
  Trace trace;
  EXPECT_EQ(active_trace(), nullptr);
  { const TraceSpan span("norm", SpanKind::norm); }
  trace.start();
  EXPECT_EQ(active_trace(), &trace);
  trace.stop();
  { const TraceSpan span("norm", SpanKind::norm); }
  EXPECT_EQ(active_trace(), nullptr);
  EXPECT_TRUE(trace.spans().empty());
  EXPECT_EQ(trace.dropped(), 0u);
}

TEST(Trace, ASpanSaysWhatItWasToldAndHowLongItTook) {
  Trace trace;
  trace.start();
  {
    const TraceSpan span("down", SpanKind::product, 512, LayerIndex(3));
    pass_time();
  }
  ASSERT_EQ(trace.spans().size(), 1u);
  const SpanRecord& span = trace.spans()[0];
  EXPECT_STREQ(span.name, "down");
  EXPECT_EQ(span.kind, SpanKind::product);
  EXPECT_EQ(span.amount, 512);
  EXPECT_EQ(span.layer, LayerIndex(3));
  EXPECT_GE(span.begin, 0);
  EXPECT_GE(span.duration, 100'000);
}

TEST(Trace, SpansNestAndTakeTheLayerOfTheOneAroundThem) {
  Trace trace;
  trace.start();
  {
    const TraceSpan layer("layer", SpanKind::other, 0, LayerIndex(5));
    { const TraceSpan norm("norm", SpanKind::norm); }
    { const TraceSpan other("other layer", SpanKind::norm, 0, LayerIndex(6)); }
  }
  { const TraceSpan after("logits", SpanKind::product); }
  ASSERT_EQ(trace.spans().size(), 4u);
  const auto& spans = trace.spans();
  EXPECT_STREQ(spans[0].name, "layer");
  EXPECT_EQ(spans[1].layer, LayerIndex(5));
  EXPECT_EQ(spans[2].layer, LayerIndex(6));
  EXPECT_EQ(spans[3].layer, LayerIndex(-1));
  EXPECT_LE(spans[0].begin, spans[1].begin);
  EXPECT_LE(spans[1].begin + spans[1].duration, spans[2].begin);
  EXPECT_LE(spans[2].begin + spans[2].duration, spans[0].begin + spans[0].duration);
  EXPECT_LE(spans[0].begin + spans[0].duration, spans[3].begin);
}

TEST(Trace, APhaseCountsEachMomentOnce) {
  Trace trace;
  trace.start();
  trace.begin_phase("prefill");
  {
    const TraceSpan attention("attention", SpanKind::attention);
    pass_time();
    {
      const TraceSpan wait("wait", SpanKind::wait);
      pass_time();
      pass_time();
    }
  }
  pass_time();
  trace.end_phase();
  ASSERT_EQ(trace.phases().size(), 1u);
  const PhaseRecord& phase = trace.phases()[0];
  const SpanRecord& attention = trace.spans()[0];
  const SpanRecord& wait = trace.spans()[1];
  EXPECT_EQ(phase.name, "prefill");
  EXPECT_EQ(of(phase, SpanKind::wait), wait.duration);
  EXPECT_EQ(of(phase, SpanKind::attention), attention.duration - wait.duration) << "without the wait inside of it";
  EXPECT_EQ(of(phase, SpanKind::other), phase.duration - attention.duration) << "what is in no span";
  EXPECT_EQ(sum(phase), phase.duration);
}

TEST(Trace, SpansBetweenPhasesCountInNone) {
  Trace trace;
  trace.start();
  trace.begin_phase("filter");
  trace.end_phase();
  { const TraceSpan span("wait", SpanKind::wait); }
  trace.begin_phase("select");
  trace.end_phase();
  EXPECT_EQ(trace.spans().size(), 1u);
  for (const PhaseRecord& phase : trace.phases()) EXPECT_EQ(of(phase, SpanKind::wait), 0) << phase.name;
}

TEST(Trace, SpansBeyondTheLimitAreCountedAndTheirTimeStays) {
  Trace trace(2);
  trace.start();
  trace.begin_phase("decode");
  for (int i = 0; i < 5; ++i) {
    const TraceSpan outer("product", SpanKind::product);
    const TraceSpan inner("norm", SpanKind::norm);
    pass_time();
  }
  trace.end_phase();
  EXPECT_EQ(trace.spans().size(), 2u);
  EXPECT_EQ(trace.dropped(), 8u);
  EXPECT_GE(of(trace.phases()[0], SpanKind::norm), 5 * 100'000);
  EXPECT_EQ(sum(trace.phases()[0]), trace.phases()[0].duration);
}

TEST(Trace, OtherThreadsRecordNothing) {
  Trace trace;
  trace.start();
  std::thread([] {
    EXPECT_EQ(active_trace(), nullptr);
    const TraceSpan span("norm", SpanKind::norm);
  }).join();
  EXPECT_TRUE(trace.spans().empty());
}

TEST(Trace, PhasesMustNotOverlapNorCutSpans) {
  Trace trace;
  trace.start();
  trace.begin_phase("filter");
  EXPECT_THROW(trace.begin_phase("select"), InternalError);
  {
    const TraceSpan span("norm", SpanKind::norm);
    EXPECT_THROW(trace.end_phase(), InternalError);
  }
  trace.end_phase();
  EXPECT_THROW(trace.end_phase(), InternalError);
}

TEST(Trace, EndsWithItsObject) {
  {
    Trace trace;
    trace.start();
    Trace second;
    EXPECT_THROW(second.start(), InternalError);
  }
  EXPECT_EQ(active_trace(), nullptr);
}

TEST(Trace, EveryKindHasANameOfItsOwn) {
  for (std::size_t i = 0; i < kSpanKinds; ++i) {
    ASSERT_NE(name(static_cast<SpanKind>(i)), nullptr);
    for (std::size_t j = 0; j < i; ++j) EXPECT_STRNE(name(static_cast<SpanKind>(i)), name(static_cast<SpanKind>(j)));
  }
}

}  // namespace
}  // namespace gemring

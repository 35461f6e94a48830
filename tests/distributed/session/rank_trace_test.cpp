// Traces of all ranks come to rank 0, on 1 to 4 ranks.
#include "distributed/session/rank_trace.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

/// What rank `rank` records: a phase with 1 + rank products of 10 x rank tokens in layer `rank`.
void record(Trace& trace, int rank) {
  trace.begin_phase("prefill");
  for (int i = 0; i <= rank; ++i) {
    const TraceSpan span(i % 2 == 0 ? "down" : "o", SpanKind::product, 10 * static_cast<std::size_t>(rank),
                         LayerIndex(rank));
  }
  trace.end_phase();
}

TEST(RankTrace, RankZeroGetsEveryRanksInOrder) {
  Trace trace;
  start_traces(world(), trace);
  record(trace, world().member());
  std::vector<RankTrace> all;
  gather_traces(world(), trace, [&](const RankTrace& theirs) { all.push_back(theirs); });
  EXPECT_EQ(active_trace(), nullptr);
  ASSERT_EQ(all.size(), world().member() == 0 ? static_cast<std::size_t>(world().size()) : 0u);
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const RankTrace& theirs = all[rank];
    EXPECT_EQ(theirs.rank, RankId(rank));
    EXPECT_FALSE(theirs.host.empty());
    EXPECT_EQ(theirs.dropped, 0u);
    ASSERT_EQ(theirs.phases.size(), 1u);
    EXPECT_EQ(theirs.phases[0].name, "prefill");
    ASSERT_EQ(theirs.spans.size(), rank + 1);
    EXPECT_EQ(theirs.names, rank == 0 ? std::vector<std::string>{"down"} : (std::vector<std::string>{"down", "o"}));
    std::int64_t products = 0;
    for (std::size_t i = 0; i <= rank; ++i) {
      const RankSpan& span = theirs.spans[i];
      EXPECT_EQ(span.name, i % 2);
      EXPECT_EQ(span.kind, SpanKind::product);
      EXPECT_EQ(span.amount, static_cast<std::int64_t>(10 * rank));
      EXPECT_EQ(span.layer, static_cast<std::int32_t>(rank));
      EXPECT_GE(span.begin, theirs.phases[0].begin);
      products += span.duration;
    }
    EXPECT_EQ(theirs.phases[0].kinds[static_cast<std::size_t>(SpanKind::product)], products);
  }
}

TEST(RankTrace, WhatWasDroppedIsTold) {
  Trace trace(1);
  start_traces(world(), trace);
  record(trace, world().member());
  gather_traces(world(), trace, [](const RankTrace& theirs) {
    EXPECT_EQ(theirs.spans.size(), 1u);
    EXPECT_EQ(theirs.dropped, static_cast<std::uint64_t>(theirs.rank.value()));
  });
}

TEST(RankTrace, MessagesAndWaitsOfACommunicatorAreInIt) {
  if (world().size() == 1) GTEST_SKIP() << "nobody to send to";
  Trace trace;
  start_traces(world(), trace);
  const std::vector<float> values(100, 1.0f);
  std::vector<float> received(100);
  if (world().member() == 0)
    receive(world(), std::span(received), 1, MessageKind::ring).wait();
  else if (world().member() == 1)
    send<float>(world(), values, 0, MessageKind::ring).wait();
  world().barrier();
  trace.stop();
  const auto& spans = trace.spans();
  const std::size_t messages = world().member() == 0 ? 1 : world().member() == 1 ? 2 : 0;
  ASSERT_EQ(spans.size(), messages + 1);
  EXPECT_EQ(spans.back().kind, SpanKind::wait);
  if (world().member() == 0) {
    EXPECT_EQ(spans[0].kind, SpanKind::wait);
  }
  if (world().member() == 1) {
    EXPECT_EQ(spans[0].kind, SpanKind::send);
    EXPECT_EQ(spans[0].amount, 400);
    EXPECT_EQ(spans[1].kind, SpanKind::wait);
  }
}

}  // namespace
}  // namespace gemring

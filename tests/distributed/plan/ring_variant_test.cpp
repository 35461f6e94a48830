// Three members with 3, 4 and 4 tokens, 4 query heads and 2 KV heads of 4, f32. Bytes: keys and values 64 a token: 192,
// 256, 256; queries the same; partial results 4 x (4 x 4 + 8) = 96 a query: 288, 384, 384.
#include "distributed/plan/ring_variant.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

using enum RingVariant;

RingWork three_members() {
  RingWork work;
  work.queries = work.keys = {3, 4, 4};
  work.heads = 4;
  work.kv_heads = 2;
  work.head_dim = 4;
  return work;
}

GroupLinks one_host(double bytes_per_second, double latency_seconds) {
  return {.within_host = {bytes_per_second, latency_seconds}, .between_hosts = {}, .hosts = {}};
}

std::vector<double> sent(RingVariant variant, const RingWork& work, int member) {
  std::vector<double> bytes;
  for (int step = 0; step < steps(variant, work.members()); ++step)
    bytes.push_back(bytes_sent(variant, work, member, step));
  return bytes;
}

TEST(RingVariants, BytesOfEveryStepAreThoseOfTheTable) {
  const RingWork work = three_members();
  using Bytes = std::vector<double>;
  EXPECT_EQ(sent(pass_kv, work, 0), (Bytes{192, 256}));  // K0, K2
  EXPECT_EQ(sent(pass_kv, work, 1), (Bytes{256, 192}));
  EXPECT_EQ(sent(pass_kv, work, 2), (Bytes{256, 256}));
  EXPECT_EQ(sent(pass_q, work, 0), (Bytes{2 * 192, 384, 384}));  // Q0 to two, results of Q2 and Q1
  EXPECT_EQ(sent(pass_q, work, 1), (Bytes{2 * 256, 288, 384}));
  EXPECT_EQ(sent(token_ring, work, 0), (Bytes{192, 256 + 384, 384}));  // Q0; Q2 and its result; the result of Q1
  EXPECT_EQ(sent(token_ring, work, 1), (Bytes{256, 192 + 288, 384}));
  EXPECT_EQ(sent(all_gather, work, 2), (Bytes{2 * 256}));
}

TEST(RingVariants, CostSumsTheSteps) {
  const RingWork work = three_members();
  for (const RingVariant variant : kRingVariants) {
    const RingCost cost = ring_cost(variant, work, one_host(1000, 0));
    for (int member = 0; member < 3; ++member) {
      double sum = 0;
      for (const double bytes : sent(variant, work, member)) sum += bytes;
      EXPECT_EQ(cost.bytes_sent[static_cast<std::size_t>(member)], sum) << name(variant);
    }
  }
}

TEST(RingVariants, TypesOfMessagesCount) {
  RingWork work = three_members();
  work.kv_type = work.query_type = work.state_type = DataType::bf16;
  EXPECT_EQ(bytes_sent(pass_kv, work, 0, 0), 96);
  EXPECT_EQ(bytes_sent(pass_q, work, 0, 0), 2 * 96);
  EXPECT_EQ(bytes_sent(pass_q, work, 0, 2), 4 * 4 * (4 * 2 + 8));
  work.head_dim = 16;
  work.kv_type = DataType::q8_0;  // 34 bytes for 32 values: a token's keys
  EXPECT_EQ(bytes_sent(pass_kv, work, 0, 0), 2 * 3 * 34);
}

/// Five members with uneven shards, keys of earlier chunks among them.
RingWork five_members() {
  RingWork work = three_members();
  work.queries = {5, 1, 3, 0, 2};
  work.keys = {9, 4, 3, 7, 2};
  return work;
}

TEST(RingVariants, AMemberSendsInAllWhatItSendsStepByStep) {
  for (const RingVariant variant : kRingVariants) {
    const RingWork work = five_members();
    for (int member = 0; member < 5; ++member) {
      double sum = 0;
      for (const double bytes : sent(variant, work, member)) sum += bytes;
      EXPECT_EQ(ring_cost(variant, work, {}).bytes_sent[static_cast<std::size_t>(member)], sum) << name(variant);
    }
  }
}

TEST(RingVariants, StepsThatAreAlikeTakeWhatEachOfThemTakes) {
  // On one host a step takes as long as its largest sender, and so it does where each has a host of its own.
  const std::vector<std::vector<std::int32_t>> layouts = {{}, {4, 4, 4, 4, 4}, {0, 1, 2, 3, 4}};
  for (const auto& hosts : layouts) {
    const GroupLinks links{.within_host = {1000, 0.5}, .between_hosts = {1000, 0.5}, .hosts = hosts};
    for (const RingVariant variant : {pass_kv, pass_q, token_ring}) {
      RingWork work = five_members();
      if (variant == pass_q && hosts != layouts[0]) work.queries = {2, 2, 2, 2, 2};  // step 0 sends to all
      double expected = 0;
      for (int step = 0; step < steps(variant, 5); ++step) {
        double largest = 0;
        for (int member = 0; member < 5; ++member) largest = std::max(largest, bytes_sent(variant, work, member, step));
        expected += 0.5 + largest / 1000;
      }
      EXPECT_NEAR(ring_cost(variant, work, links).transfer_seconds, expected, 1e-12) << name(variant);
    }
  }
}

TEST(RingVariants, MessagesRunBesideComputeAsFarAsOverlapSays) {
  RingWork work = three_members();
  work.attention_seconds = 3;
  const GroupLinks links = one_host(1000, 0.5);
  EXPECT_DOUBLE_EQ(ring_cost(pass_kv, work, links).transfer_seconds, 2 * (0.5 + 0.256));  // the largest block
  EXPECT_DOUBLE_EQ(ring_cost(pass_kv, work, links).seconds, 3);
  EXPECT_DOUBLE_EQ(ring_cost(all_gather, work, links).seconds, 1.012 + 3);  // 512 bytes, then all of it
  EXPECT_DOUBLE_EQ(ring_cost(pass_q, work, links).seconds, 1.012 + 1 + 1 + 0.884);
  EXPECT_DOUBLE_EQ(ring_cost(token_ring, work, links).seconds, 1 + 1.14 + 1 + 0.884);
  work.overlap = 0;
  EXPECT_DOUBLE_EQ(ring_cost(pass_kv, work, links).seconds, 3 + 1.512);
  work.overlap = 0.5;
  EXPECT_DOUBLE_EQ(ring_cost(pass_kv, work, links).seconds, 3 + 0.756);
}

TEST(RingVariants, RanksOfAHostShareItsNetwork) {
  const RingWork work = three_members();
  const GroupLinks links{.within_host = {1000, 0}, .between_hosts = {100, 1}, .hosts = {7, 7, 9}};
  // Each step one block leaves each host; the largest is 256.
  EXPECT_DOUBLE_EQ(ring_cost(pass_kv, work, links).transfer_seconds, 2 * (1 + 2.56));
  // Host 7 sends K0 and K1 (448) to host 9, which sends K2 twice (512).
  EXPECT_DOUBLE_EQ(ring_cost(all_gather, work, links).transfer_seconds, 1 + 5.12);
}

TEST(RingVariants, OneMemberOnlyComputes) {
  RingWork work = three_members();
  work.queries = work.keys = {11};
  work.attention_seconds = 2;
  for (const RingVariant variant : kRingVariants) {
    const RingCost cost = ring_cost(variant, work, one_host(1, 1));
    EXPECT_EQ(steps(variant, 1), 0);
    EXPECT_EQ(cost.seconds, 2);
    EXPECT_EQ(cost.bytes_sent, std::vector<double>{0});
  }
}

TEST(RingVariants, FasterLinksAreNeverSlower) {
  RingWork work = three_members();
  work.attention_seconds = 0.5;
  work.overlap = 0.7;
  for (const RingVariant variant : kRingVariants) {
    double before = 1e9;
    for (const double rate : {1.0, 10.0, 100.0, 1e3, 1e6}) {
      const double seconds = ring_cost(variant, work, one_host(rate, 0.01)).seconds;
      EXPECT_LE(seconds, before) << name(variant) << " at " << rate;
      before = seconds;
    }
  }
}

GroupLinks three_hosts(double rate, double latency) {
  return {.within_host = {1e9, 0}, .between_hosts = {rate, latency}, .hosts = {0, 1, 2}};
}

TEST(CheapestVariant, KeysTravelWhereTheyAreAsManyAsQueries) {
  EXPECT_EQ(choose_ring(three_members(), three_hosts(1000, 0)).variant, pass_kv);
  EXPECT_EQ(choose_ring(three_members(), three_hosts(0, 0)).variant, pass_kv) << "nothing is known of the links";
}

TEST(CheapestVariant, KeysAreGatheredOnOneHostWhereThatCostsLittleForItGivesTheBitsOfOneRank) {
  RingWork work = three_members();
  work.attention_seconds = 3;
  const double gathered = ring_cost(all_gather, work, one_host(1, 0)).transfer_seconds;  // at 1 byte per second
  EXPECT_EQ(choose_ring(work, one_host(gathered / 0.5, 0)).variant, all_gather);         // 3.5 s against 3
  EXPECT_EQ(choose_ring(work, one_host(gathered / 0.7, 0)).variant, pass_kv);            // 3.7 s
  EXPECT_EQ(choose_ring(work, three_hosts(gathered / 0.5, 0)).variant, pass_kv);         // 3.5 s, but over a network
}

TEST(CheapestVariant, QueriesTravelWhereManyKeysAreCached) {
  RingWork work = three_members();
  work.keys = {1000, 1000, 1000};
  EXPECT_EQ(choose_ring(work, one_host(1000, 0)).variant, pass_q);
}

TEST(CheapestVariant, QueriesGoRoundWhereManyRanksShareANetwork) {
  RingWork work = three_members();
  work.queries = std::vector<std::int32_t>(8, 10);
  work.keys = std::vector<std::int32_t>(8, 10'000);
  const GroupLinks links{.within_host = {1e9, 0}, .between_hosts = {1000, 0}, .hosts = {0, 0, 0, 0, 1, 1, 1, 1}};
  // Over the network 16 queries at once and 16 results, against 7 queries one after the other and 16 results.
  EXPECT_LT(ring_cost(token_ring, work, links).transfer_seconds, ring_cost(pass_q, work, links).transfer_seconds);
  EXPECT_EQ(choose_ring(work, links).variant, token_ring);
}

TEST(CheapestVariant, KeysAreGatheredWhereOnlyLatencyCountsAndTheBuffersAllowIt) {
  RingWork work = three_members();
  work.queries = work.keys = {1, 1, 1};
  EXPECT_EQ(choose_ring(work, three_hosts(1e12, 1e-3)).variant, all_gather);
  work.head_dim = 100'000'000;  // a block of 800 MB
  EXPECT_EQ(choose_ring(work, three_hosts(1e12, 1e-3)).variant, pass_kv);
}

TEST(RingVariants, AStepThatIsNotThereIsABug) {
  EXPECT_THROW(bytes_sent(pass_kv, three_members(), 0, 2), InternalError);
  EXPECT_THROW(bytes_sent(pass_kv, three_members(), 3, 0), InternalError);
}

}  // namespace
}  // namespace gemring

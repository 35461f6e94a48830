#include "launch/cluster/probe/probe.h"

#include <gtest/gtest.h>

#include "distributed/comm/communicator.h"
#include "launch/cluster/probe/layer_slice.h"
#include "launch/cluster/probe/links.h"
#include "launch/cluster/probe/rates.h"

namespace gemring {
namespace {

RankProbe rank_on(const std::string& host, const std::string& cpu, double gflops) {
  RankProbe rank;
  rank.host = host;
  rank.cpu = cpu;
  rank.cores = {0, 1};
  rank.memory_bytes = 100;
  rank.together.busy_threads = 2;
  rank.together.memory_gbs = 10;
  rank.together.layers = {{DataType::bf16, ComputeType::f32, 1, 1}, {DataType::bf16, ComputeType::f32, 512, gflops}};
  return rank;
}

TEST(Links, NoRankIsInTwoPairsOfARound) {
  EXPECT_EQ(inside_round({0, 0, 1, 0, 1, 0, 0}), (PairRound{1, 0, 4, 5, 2, 3, -1}));
  EXPECT_EQ(inside_round({0, 1, 2}), (PairRound{-1, -1, -1}));
}

TEST(Links, NeighbouringHostsMeetOnceInThreeRoundsAtMost) {
  EXPECT_TRUE(host_rounds({0, 0, 0}).empty());
  EXPECT_EQ(host_rounds({0, 0, 1, 1}), (std::vector<PairRound>{{2, -1, 0, -1}}));
  EXPECT_EQ(host_rounds({0, 1, 2}), (std::vector<PairRound>{{1, 0, -1}, {-1, 2, 1}, {2, -1, 0}}));
  EXPECT_EQ(host_rounds({0, 1, 2, 3}), (std::vector<PairRound>{{1, 0, 3, 2}, {3, 2, 1, 0}}));
  for (const int hosts : {2, 3, 4, 5, 8, 101}) {
    std::vector<int> of_rank;
    for (int host = 0; host < hosts; ++host) of_rank.push_back(host);
    const auto rounds = host_rounds(of_rank);
    EXPECT_LE(rounds.size(), 3u);
    std::vector<int> links(of_rank.size());
    for (const PairRound& round : rounds) {
      for (std::size_t rank = 0; rank < round.size(); ++rank) {
        if (round[rank] < 0) continue;
        EXPECT_EQ(round[static_cast<std::size_t>(round[rank])], static_cast<int>(rank));
        ++links[rank];
      }
    }
    for (const int count : links) EXPECT_EQ(count, hosts == 2 ? 1 : 2) << hosts;
  }
}

TEST(MachinesFrom, HostsThatAreAlikeShareOneMachine) {
  std::vector<RankProbe> ranks = {rank_on("a", "X", 100), rank_on("b", "X", 104), rank_on("c", "Y", 50)};
  ranks[0].alone = ranks[0].together;
  ranks[0].alone.busy_threads = 1;
  ranks[1].between = {2e9, 1e-5};
  const MachinesSpec spec = machines_from(ranks, {}, "today");
  EXPECT_EQ(spec.measured, "today, 3 ranks on 3 hosts");
  ASSERT_EQ(spec.machines.size(), 2u);
  EXPECT_EQ(spec.machines[0].name, "X, 2 cores, 1 x 1 threads");
  EXPECT_DOUBLE_EQ(spec.machines[0].rates.back().layers[1].gflops, 102);  // the median
  EXPECT_EQ(spec.machines[0].rates.size(), 2u);
  EXPECT_EQ(spec.machines[1].rates.size(), 1u);
  ASSERT_EQ(spec.hosts.size(), 3u);
  EXPECT_EQ(spec.hosts[1].machine, spec.machines[0].name);
  EXPECT_DOUBLE_EQ(spec.hosts[1].link.bytes_per_second, 2e9);
  EXPECT_EQ(spec.hosts[0].speeds, std::vector<double>{1});  // 100 of 102: noise
  EXPECT_EQ(spec.hosts[0].cores, 2);
}

TEST(MachinesFrom, AThreadIsNeverSlowerWhereFewerAreAtWork) {
  RankProbe rank = rank_on("a", "X", 100);
  rank.alone = rank.together;
  rank.alone.busy_threads = 1;
  rank.alone.memory_gbs = 15;
  rank.alone.layers = {{DataType::bf16, ComputeType::f32, 1, 0.5}};  // met another load; no time for 512 tokens
  const MachinesSpec spec = machines_from({rank}, {}, "today");
  const ThreadRates& alone = spec.machines[0].rates[0];
  EXPECT_EQ(alone.memory_gbs, 15);
  ASSERT_EQ(alone.layers.size(), 2u);
  EXPECT_EQ(alone.layers[0].gflops, 1);
  EXPECT_EQ(alone.layers[1].gflops, 100);
}

TEST(MachinesFrom, ASlowerRankOfTheSameKindHasALowerSpeed) {
  const MachinesSpec spec =
      machines_from({rank_on("a", "X", 100), rank_on("b", "X", 100), rank_on("c", "X", 48)}, {}, "today");
  EXPECT_EQ(spec.hosts[2].speeds, std::vector<double>{0.5});  // 7.7 sixteenths
}

ModelConfig small_shape() {
  ModelConfig config;
  config.layers.resize(3);
  config.hidden = 64;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 16;
  config.ffn = 96;
  return config;
}

// On a machine that is busy otherwise; a plan has no seconds without them.
TEST(RateProbe, HoweverLateItIsEveryTypeOfWeightsAndAttentionHaveARate) {
  const std::unique_ptr<Communicator> world = one_rank_communicator();
  const Job job{*world, {}, {"a"}};
  constexpr int kOfManyRanks = 256;  // a small share of the memory
  RateProbe probe(job, {small_shape(), {DataType::bf16, DataType::q8_0}, DataType::bf16}, 0, kOfManyRanks);
  const ThreadRates rates = probe.measure(ProbeMode::together, 0);
  ASSERT_EQ(rates.layers.size(), 2u);
  EXPECT_EQ(rates.layers[0].weights, DataType::bf16);
  EXPECT_EQ(rates.layers[1].weights, DataType::q8_0);
  for (const LayerRate& rate : rates.layers) {
    EXPECT_EQ(rate.tokens, 1);
    EXPECT_GT(rate.gflops, 0);
  }
  ASSERT_EQ(rates.attention.size(), 2u);
  EXPECT_EQ(rates.attention[0].queries, 1);
  EXPECT_EQ(rates.attention[1].queries, 512);
  EXPECT_GT(rates.memory_gbs, 0);
}

TEST(LayerSlice, TimesLayersOfTheModelsShape) {
  const ModelConfig config = small_shape();
  LayerSlice slice(config, DataType::q8_0, DataType::bf16, 1 << 20);
  EXPECT_EQ(slice.layers(), 3u);
  EXPECT_EQ(slice.type(), DataType::q8_0);
  EXPECT_DOUBLE_EQ(slice.flop_per_token(), 2.0 * 64 * (2 * 64 + 2 * 32 + 3 * 96));
  EXPECT_GT(slice.seconds(1, 1), 0);
  EXPECT_GT(slice.seconds(40, 2), 0);
  EXPECT_EQ(LayerSlice(config, DataType::q4_k, DataType::f32, 1).type(), DataType::bf16) << "no whole blocks of 256";
  AttentionSlice attention(config, DataType::bf16, 8, 20, 0);
  EXPECT_DOUBLE_EQ(attention.mean_keys(), 16.5);  // 13 to 20
  EXPECT_DOUBLE_EQ(attention.flop(), 4.0 * 64 * 8 * 16.5);
  EXPECT_GT(attention.seconds(1), 0);
}

}  // namespace
}  // namespace gemring

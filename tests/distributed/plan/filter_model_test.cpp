// The filter pass on another model: what it costs is what it costs that model, and the rest what it costs the first.
#include <gtest/gtest.h>

#include "distributed/plan/cost.h"
#include "distributed/plan/prediction.h"
#include "tests/distributed/plan/small_machines.h"
#include "tests/distributed/plan/small_model.h"
#include "tests/distributed/plan/specs.h"

namespace gemring {
namespace {

/// 2 layers, hidden 4, 2 query heads and one KV head of 4 (so 8 and 4 wide), ffn 6, vocab 20, f32. Bytes: embedding
/// 320; a layer 704 = norms 2 x 16 + q 128 + k 64 + v 64 + o 128 + gate, up, down 96 each.
PlanInputs::FilterModel smaller_model() {
  PlanInputs::FilterModel model;
  model.config.layers.resize(2);
  model.config.hidden = 4;
  model.config.heads = 2;
  model.config.kv_heads = 1;
  model.config.head_dim = 4;
  model.config.ffn = 6;
  model.config.vocab = 20;
  const auto add = [&](const std::string& name, std::uint64_t bytes) {
    model.tensors.push_back({.name = name, .type = DataType::f32, .shape = {}, .bytes = bytes});
  };
  add("model.embed_tokens.weight", 320);
  for (const std::string layer : {"0", "1"}) {
    const std::string prefix = "model.layers." + layer + ".";
    for (const char* norm : {"input_layernorm", "post_attention_layernorm"}) add(prefix + norm + ".weight", 16);
    for (const char* wide : {"q_proj", "o_proj"}) add(prefix + "self_attn." + wide + ".weight", 128);
    for (const char* narrow : {"k_proj", "v_proj"}) add(prefix + "self_attn." + narrow + ".weight", 64);
    for (const char* part : {"gate_proj", "up_proj", "down_proj"}) add(prefix + "mlp." + part + ".weight", 96);
  }
  add("model.norm.weight", 16);
  add("lm_head.weight", 320);
  return model;
}

PlanInputs two_models() {
  PlanInputs inputs = small_inputs();
  inputs.filter_model = smaller_model();
  return inputs;
}

/// The smaller one does all.
PlanInputs smaller_alone() {
  PlanInputs inputs = small_inputs();
  inputs.model = smaller_model().config;
  inputs.tensors = smaller_model().tensors;
  return inputs;
}

/// Everybody filters, and everybody is in the one stage.
ClusterPlan shared(int ranks, std::int32_t layers) {
  const GroupSpec all = symbol(GroupSpec::Symbol::all);
  return resolve({.name = "s.json", .filter = all, .stages = {{all, 1, 0}}}, ranks, Method::gemfilter, layers);
}

TEST(FilterModelCost, AFilterRankHoldsItsLayersOfTheOneAndStagesTheirsOfTheOther) {
  const auto apart = rank_costs(default_plan(3, Method::gemfilter, 3), two_models());
  EXPECT_EQ(apart[0].weights_bytes, 320u + 704u + 16u + 128u + 64u);  // layer 1: input norm, q, k
  EXPECT_EQ(apart[1].weights_bytes, 640u + 2 * 2560u);
  EXPECT_EQ(apart[2].weights_bytes, 2560u + 32u + 640u);
  EXPECT_EQ(apart[0].total_bytes, 20'000'000u + 1232u + apart[0].filter.total());
  const auto together = rank_costs(default_plan(1, Method::gemfilter, 3), two_models());
  EXPECT_EQ(together[0].weights_bytes, 1232u + 8992u);
  EXPECT_EQ(together[0].tensors.back().index,
            small_inputs().tensors.size() + 14);  // k of layer 1
}

TEST(FilterModelCost, TheFilterPassCostsWhatItCostsItsModelAndTheRestWhatItCostsTheOther) {
  for (const int ranks : {1, 2, 3}) {
    for (const auto& [parallel, window] : {std::pair{0, 0}, std::pair{2, 0}, std::pair{0, 4}, std::pair{2, 4}}) {
      PlanInputs both = two_models(), large = small_inputs(), small = smaller_alone();
      for (PlanInputs* inputs : {&both, &large, &small}) {
        inputs->parallel = parallel;
        inputs->window = {.window = window, .sinks = 1, .chunk = 4};
      }
      const auto costs = rank_costs(shared(ranks, 3), both);
      const auto of_large = rank_costs(shared(ranks, 3), large);
      const auto of_small = rank_costs(shared(ranks, 2), small);
      for (std::size_t i = 0; i < costs.size(); ++i) {
        EXPECT_EQ(costs[i].filter.kv_cache_bytes, of_small[i].filter.kv_cache_bytes);
        EXPECT_EQ(costs[i].filter.activation_bytes, of_small[i].filter.activation_bytes);
        EXPECT_EQ(costs[i].filter.message_buffer_bytes, of_small[i].filter.message_buffer_bytes);
        EXPECT_EQ(costs[i].filter_flop, of_small[i].filter_flop);
        EXPECT_EQ(costs[i].bytes_sent_filter, of_small[i].bytes_sent_filter);
        EXPECT_EQ(costs[i].stage.total(), of_large[i].stage.total());
        EXPECT_EQ(costs[i].prefill_flop, of_large[i].prefill_flop);
        EXPECT_EQ(costs[i].decode_flop_per_token, of_large[i].decode_flop_per_token);
        EXPECT_EQ(costs[i].bytes_sent_prefill, of_large[i].bytes_sent_prefill);
        EXPECT_NE(costs[i].filter_flop, of_large[i].filter_flop);
      }
    }
  }
}

TEST(FilterModelCost, TensorsOfTheTwoAreSharedEachAsItsFilesAre) {
  PlanInputs inputs = two_models();
  const std::vector<HostMemory> host(2, {"node", 1'000'000'000});
  const auto costs = rank_costs(shared(2, 3), inputs);
  const std::uint64_t mapped = host_needs(costs, inputs, host).front().needed_bytes;
  inputs.filter_model->weights_shared = false;  // made in memory: all of it on each rank
  const auto made = rank_costs(shared(2, 3), inputs);
  EXPECT_EQ(made[1].weights_bytes, costs[1].weights_bytes + 128);  // q of the scoring layer, which member 0 alone reads
  EXPECT_EQ(host_needs(made, inputs, host).front().needed_bytes, mapped + 1232);
}

TEST(FilterModelPrediction, SecondsOfTheFilterPassAreItsModelsAndTheOthersTheOthers) {
  const auto predicted = [](const ClusterPlan& plan, const PlanInputs& inputs) {
    return predict(plan, inputs, rank_costs(plan, inputs), machines_of(small_machines(), plan.ranks, {}, "c.json"), {});
  };
  for (const int ranks : {1, 2, 3}) {
    const Prediction both = predicted(shared(ranks, 3), two_models());
    const Prediction large = predicted(shared(ranks, 3), small_inputs());
    const Prediction small = predicted(shared(ranks, 2), smaller_alone());
    EXPECT_EQ(both.filter.seconds, small.filter.seconds);
    EXPECT_LT(both.filter.seconds, large.filter.seconds);
    EXPECT_EQ(both.select.seconds, large.select.seconds);
    EXPECT_EQ(both.prefill.seconds, large.prefill.seconds);
    EXPECT_EQ(both.decode_per_token.seconds, large.decode_per_token.seconds);
    for (std::size_t i = 0; i < both.ranks.size(); ++i) {
      EXPECT_EQ(both.ranks[i].filter, small.ranks[i].filter);
      EXPECT_EQ(both.ranks[i].prefill, large.ranks[i].prefill);
    }
  }
}

}  // namespace
}  // namespace gemring

#include "distributed/plan/cost.h"

#include <fmt/format.h>

#include <algorithm>

#include "distributed/comm/broadcast_tree.h"
#include "distributed/plan/limits.h"
#include "distributed/plan/memory_terms.h"
#include "distributed/plan/message_types.h"
#include "distributed/plan/ring_choice.h"
#include "distributed/plan/weight_reads.h"
#include "distributed/plan/work_terms.h"
#include "engine/base/check.h"
#include "engine/model/decoder_layer.h"

namespace gemring {
namespace {

// Program, libraries and MPI as they are resident: measured, 14 MB without mpirun, 24 MB with it (ranks of one machine;
// drivers of fast networks take more).
constexpr std::uint64_t kFixedBytes = 20'000'000;

std::int64_t queries_at_a_time(std::int32_t rows, int members) {
  return static_cast<std::int64_t>(queries_at_once(static_cast<std::size_t>(rows), members));
}

/// The longest prompt whose filter pass goes first while that of the longest prompt waits (scheduler.h).
std::int32_t overtaking_tokens(const PlanInputs& inputs) {
  return inputs.prompt_tokens / 2;
}

/// How the plan's groups meet; nothing for a group of one.
struct GroupChoices {
  RingChoice filter;
  RingChoice overtaking;  // of a filter pass half as long
  std::vector<RingChoice> stages;
};

RingChoice choice_of(const ClusterPlan& plan, const PlanInputs& inputs, const ModelConfig& model,
                     const std::vector<RankId>& group, const std::vector<ZigzagShards>& chunks, const LastLayer& last) {
  if (group.size() <= 1) return {};
  const RingOptions options{.variant = inputs.ring_variant, .message_type = inputs.message_type};
  return choose_variants(chunks, last, kv_shape(model, inputs.kv_type), model.heads,
                         on_links(options, plan.group_links(group)));
}

GroupChoices choices_of(const ClusterPlan& plan, const PlanInputs& inputs) {
  GroupChoices choices;
  if (inputs.filters(plan.method) && inputs.window.window == 0) {
    const auto of_tokens = [&](std::int32_t tokens) {
      return choice_of(plan, inputs, inputs.filtering().config, plan.filter_group, {plan.filter_shards(tokens)}, {});
    };
    choices.filter = of_tokens(inputs.prompt_tokens);
    if (inputs.parallel > 0) choices.overtaking = of_tokens(overtaking_tokens(inputs));
  }
  const std::int32_t tokens = inputs.pass_tokens(plan.method);
  for (std::size_t stage = 0; stage < plan.stages.size(); ++stage) {
    LastLayer last;
    if (stage + 1 == plan.stages.size()) {
      last = {LayerIndex(plan.layers - 1), GlobalPosition(tokens - std::min(tokens, inputs.logit_rows))};
    }
    const std::vector<RankId>& group = plan.stages[stage].ranks;
    choices.stages.push_back(choice_of(plan, inputs, inputs.model, group, plan.stage_shards(stage, tokens), last));
  }
  return choices;
}

/// Everything for one rank of one plan.
class Coster {
 public:
  Coster(const ClusterPlan& plan, const PlanInputs& inputs, const GroupChoices& choices, RankId rank)
      : plan_(plan),
        inputs_(inputs),
        choices_(choices),
        model_(inputs.model),
        filter_model_(inputs.filtering().config),
        terms_(inputs),
        filter_terms_(inputs, inputs.filtering()),
        flop_(inputs.model),
        filter_flop_(filter_model_),
        stage_(plan.stage_of(rank)) {
    cost_.rank = rank;
  }

  RankCost run() {
    const WeightReads weights(plan_, inputs_, cost_.rank);
    cost_.tensors = weights.all();
    for (const ReadTensor& tensor : cost_.tensors) cost_.weights_bytes += tensor.bytes;
    if (runs_filter() && plan_.filters(cost_.rank)) filter();
    if (stage_) stage();
    if (!plan_.stages.empty()) {
      broadcast_prompt();
      if (cost_.rank == RankId(0)) cost_.stage.activation_bytes += terms_.sampling();
    }
    cost_.fixed_bytes = kFixedBytes + index_bytes();
    if (inputs_.parallel > 0) {
      cost_.total_bytes = cost_.fixed_bytes + cost_.weights_bytes + cost_.filter.total() + cost_.stage.total();
      return std::move(cost_);
    }
    const std::uint64_t in_filter = weights.resident_in_filter() + cost_.filter.total();
    cost_.total_bytes = cost_.fixed_bytes + std::max(in_filter, cost_.weights_bytes + cost_.stage.total());
    return std::move(cost_);
  }

 private:
  bool runs_filter() const { return inputs_.filters(plan_.method); }
  std::int32_t pass_tokens() const { return inputs_.pass_tokens(plan_.method); }
  bool first_stage() const { return stage_ == std::size_t{0}; }
  bool last_stage() const { return stage_ && *stage_ + 1 == plan_.stages.size(); }
  static int member_of(const std::vector<RankId>& group, RankId rank) {
    return static_cast<int>(std::find(group.begin(), group.end(), rank) - group.begin());
  }

  /// Keys seen by this rank's queries of a chunk, summed over layers [begin, end).
  static double pairs(const ModelConfig& model, const ZigzagShards& shards, int member, LayerIndex begin,
                      LayerIndex end) {
    return keys_seen(model, shards.ranges(member), begin, end);
  }

  /// Kept indices and token ids to the first stage, along the tree.
  void broadcast_prompt() {
    const std::vector<RankId>& readers = plan_.stages.front().ranks;
    const BroadcastTree tree(cost_.rank.value(), plan_.ranks);
    for (const MemberRange subtree : tree.children()) {
      const bool reads =
          std::any_of(readers.begin(), readers.end(), [&](RankId reader) { return subtree.contains(reader.value()); });
      if (reads) cost_.bytes_sent_prefill += 8.0 * pass_tokens();
    }
  }

  std::uint64_t index_bytes() const {
    if (inputs_.window.window == 0 || !plan_.filters(cost_.rank)) return 0;
    return plan_.filter_deal(0, 1).share_of(member_of(plan_.filter_group, cost_.rank), inputs_.index_bytes);
  }
  void filter();
  void exact_filter(int member);
  void windowed_filter(int member);
  PhaseMemory filter_memory(const ZigzagShards& shards, int member, const RingChoice& choice) const;
  double asking() const;
  template <class Shards>
  std::uint64_t gathered_scores(const Shards& shards, std::int32_t tokens) const;
  std::uint64_t waiting_filter_memory(std::int32_t own) const;
  void stage();
  void stage_chunk(const StagePlan& stage, const ZigzagShards& shards, int member, bool last_chunk);
  void stage_messages(const StagePlan& stage, int member);
  void stage_memory(const StagePlan& stage, const std::vector<ZigzagShards>& chunks, int member);
  void decode(const StagePlan& stage, int member);

  const ClusterPlan& plan_;
  const PlanInputs& inputs_;
  const GroupChoices& choices_;
  const ModelConfig& model_;
  const ModelConfig& filter_model_;
  MemoryTerms terms_;
  MemoryTerms filter_terms_;
  LayerFlop flop_;
  LayerFlop filter_flop_;
  std::optional<std::size_t> stage_;
  RankCost cost_;
};

void Coster::filter() {
  const int member = member_of(plan_.filter_group, cost_.rank);
  if (inputs_.window.window > 0)
    windowed_filter(member);
  else
    exact_filter(member);
}

void Coster::windowed_filter(int member) {
  const WindowSizes& sizes = inputs_.window;
  const ChunkDeal deal = plan_.filter_deal(inputs_.prompt_tokens, sizes.chunk);
  const std::int32_t own = deal.size(member);
  const auto others = static_cast<double>(deal.members() - 1);
  const MemoryTerms::Windowed memory = filter_terms_.windowed_filter(own, deal.members());
  cost_.filter = {memory.keys, memory.scores + memory.scratch, memory.messages};
  if (inputs_.parallel > 0) {  // of two that are alive one waits
    const MemoryTerms::Windowed shorter = filter_terms_.windowed_filter(
        plan_.filter_deal(overtaking_tokens(inputs_), sizes.chunk).size(member), deal.members());
    cost_.filter.kv_cache_bytes += shorter.keys;
    cost_.filter.activation_bytes += shorter.scores;
    cost_.filter.message_buffer_bytes += shorter.messages;
  }
  if (member == 0) cost_.filter.activation_bytes += gathered_scores(deal, inputs_.prompt_tokens);

  const double layers = inputs_.filter_layer.value();
  double seen = 0;
  for (LayerIndex layer(0); layer < inputs_.filter_layer; ++layer)
    seen += std::min(sizes.window + sizes.sinks, filter_model_.layer(layer).window);
  cost_.filter_flop = own * (layers * filter_flop_.linear() + seen * filter_flop_.pair +
                             filter_flop_.scoring(inputs_.scoring_layers, inputs_.scoring_columns));
  for (std::int32_t chunk = deal.next_of(member, -1); chunk + 1 < deal.chunks(); chunk = deal.next_of(member, chunk)) {
    if (deal.owner(chunk + 1) == member) continue;
    cost_.bytes_sent_filter +=
        layers * static_cast<double>(WindowHalo::size(kv_shape(filter_model_, inputs_.kv_type), sizes));
  }
  if (member == 0)
    cost_.bytes_sent_filter += 4.0 * (inputs_.prompt_tokens - own);
  else
    cost_.bytes_sent_filter += 4.0 * inputs_.scoring_columns * own;
  if (deal.chunks() > 0 && member == deal.owner(deal.chunks() - 1)) {
    cost_.filter_flop += asking() * filter_flop_.query;
    cost_.bytes_sent_filter += 4.0 * asking() * filter_model_.query_width() * others;
  }
}

/// Queries of all scoring layers. Whoever has the last token has those before it too, unless the prompt is tiny.
double Coster::asking() const {
  return static_cast<double>(inputs_.scoring_layers) * inputs_.scoring_queries;
}

/// On the first member beside its own: the scores of all, and those of another member on their way there.
template <class Shards>
std::uint64_t Coster::gathered_scores(const Shards& shards, std::int32_t tokens) const {
  std::int32_t largest = 0;
  for (int member = 1; member < shards.members(); ++member) largest = std::max(largest, shards.size(member));
  return MemoryTerms::matrix(std::int64_t{tokens} + largest, inputs_.scoring_columns);
}

void Coster::exact_filter(int member) {
  const auto group = static_cast<int>(plan_.filter_group.size());
  const ZigzagShards shards = plan_.filter_shards(inputs_.prompt_tokens);
  const std::int32_t own = shards.size(member);
  const double layers = inputs_.filter_layer.value();  // whole ones; of layer r only keys, one query and scores

  cost_.filter = filter_memory(shards, member, choices_.filter);
  if (inputs_.parallel > 0) {
    PhaseMemory two = filter_memory(plan_.filter_shards(overtaking_tokens(inputs_)), member, choices_.overtaking);
    two.activation_bytes += waiting_filter_memory(own);
    if (two.total() > cost_.filter.total()) cost_.filter = two;
  }
  if (group > 1) {
    cost_.bytes_sent_filter =
        layers * choices_.filter.chunks.front().others.bytes_sent[static_cast<std::size_t>(member)];
  }

  cost_.filter_flop = layers * own * filter_flop_.linear() +
                      filter_flop_.pair * pairs(filter_model_, shards, member, LayerIndex(0), inputs_.filter_layer) +
                      own * filter_flop_.scoring(inputs_.scoring_layers, inputs_.scoring_columns) +
                      (member == 0 ? asking() * filter_flop_.query : 0);
  if (member == 0) {  // the others' ids, and the last tokens' queries
    cost_.bytes_sent_filter +=
        4.0 * (inputs_.prompt_tokens - own) + 4.0 * asking() * filter_model_.query_width() * (group - 1);
  } else {  // scores
    cost_.bytes_sent_filter += 4.0 * inputs_.scoring_columns * own;
  }
}

/// Of a member's part of a pass while it runs.
PhaseMemory Coster::filter_memory(const ZigzagShards& shards, int member, const RingChoice& choice) const {
  const auto group = static_cast<int>(plan_.filter_group.size());
  const std::int32_t own = shards.size(member);
  const std::int64_t queries = queries_at_a_time(own, group);
  PhaseMemory memory;
  memory.kv_cache_bytes = filter_terms_.cache(LayerIndex(0), own);  // of one layer at a time, the largest
  for (LayerIndex layer(1); layer < inputs_.filter_layer; ++layer)
    memory.kv_cache_bytes = std::max(memory.kv_cache_bytes, filter_terms_.cache(layer, own));
  memory.activation_bytes = filter_terms_.layers(own, queries) + filter_terms_.rotations(own) +
                            MemoryTerms::matrix(own, inputs_.scoring_columns);
  if (member == 0) memory.activation_bytes += gathered_scores(shards, shards.range().size());
  if (group == 1) {
    memory.activation_bytes += filter_terms_.local_attention(queries);
    return memory;
  }
  const MemoryTerms::Ring ring = filter_terms_.ring(choice, group);
  memory.activation_bytes += ring.activation_bytes;
  memory.message_buffer_bytes = ring.message_buffer_bytes;
  return memory;
}

/// And between two layers while another pass goes first: what it carries from one to the other.
std::uint64_t Coster::waiting_filter_memory(std::int32_t own) const {
  return MemoryTerms::matrix(own, filter_model_.hidden + inputs_.scoring_columns) + filter_terms_.rotations(own);
}

void Coster::stage() {
  const StagePlan& stage = plan_.stages[*stage_];
  const int member = member_of(stage.ranks, cost_.rank);
  const std::vector<ZigzagShards> chunks = plan_.stage_shards(*stage_, pass_tokens());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    stage_chunk(stage, chunks[i], member, i + 1 == chunks.size());
  }
  stage_messages(stage, member);
  stage_memory(stage, chunks, member);
  decode(stage, member);
}

/// Attention is counted where its queries live; with travelling queries the members share it about equally.
void Coster::stage_chunk(const StagePlan& stage, const ZigzagShards& shards, int member, bool last_chunk) {
  const std::int32_t own = shards.size(member);
  const bool last_token_here = last_chunk && member == 0;
  const int whole = stage.layers() - (last_stage() ? 1 : 0);  // of the model's last layer only the last token goes on
  const LayerIndex end(stage.first_layer.value() + whole);

  cost_.prefill_flop +=
      whole * own * flop_.linear() + flop_.pair * pairs(model_, shards, member, stage.first_layer, end);
  if (last_stage()) {
    cost_.prefill_flop += 2.0 * own * flop_.keys;
    if (last_token_here) {
      cost_.prefill_flop += flop_.query + flop_.output + flop_.mlp +
                            flop_.pair * keys_of_one(model_, shards.range().end.value(),
                                                     LayerIndex(model_.layer_count() - 1), stage.end_layer) +
                            flop_.logits;
    }
  }

  if (!last_stage()) {
    cost_.bytes_sent_prefill += static_cast<double>(MemoryTerms::matrix(own, model_.hidden, inputs_.message_type));
  } else if (last_token_here && cost_.rank != RankId(0)) {
    cost_.bytes_sent_prefill += 4.0 * model_.vocab;
  }
}

void Coster::stage_messages(const StagePlan& stage, int member) {
  for (const RingChoice::Chunk& chunk : choices_.stages[*stage_].chunks) {
    const auto index = static_cast<std::size_t>(member);
    cost_.bytes_sent_prefill += (stage.layers() - (last_stage() ? 1 : 0)) * chunk.others.bytes_sent[index];
    if (last_stage()) cost_.bytes_sent_prefill += chunk.last.bytes_sent[index];
  }
}

void Coster::stage_memory(const StagePlan& stage, const std::vector<ZigzagShards>& chunks, int member) {
  const auto group = static_cast<std::int32_t>(stage.ranks.size());
  std::int32_t prompt = 0;
  std::int32_t rows = std::max(inputs_.parallel, 1);  // of this rank in any step
  for (const ZigzagShards& shards : chunks) {
    prompt += shards.size(member);
    rows = std::max(rows, shards.size(member));
  }
  // Decoded tokens go to the members in turn; every member has the rotations of all of them.
  const std::int32_t cached = prompt + (inputs_.max_new_tokens + group - 1) / group;

  PhaseMemory& memory = cost_.stage;
  std::uint64_t of_one = 0;
  for (LayerIndex layer = stage.first_layer; layer < stage.end_layer; ++layer) of_one += terms_.cache(layer, cached);
  const auto all = static_cast<std::uint64_t>(std::max(inputs_.parallel, 1));
  memory.kv_cache_bytes = of_one > kMostBytes / all ? kMostBytes : of_one * all;
  const std::int64_t queries = queries_at_a_time(rows, group);
  memory.activation_bytes = terms_.layers(rows, queries) + terms_.rotations(prompt + inputs_.max_new_tokens);
  memory.activation_bytes += terms_.sequences_beside(prompt + inputs_.max_new_tokens, group);
  if (last_stage() && member == 0) {  // with several sequences one step's leave while the next step's are computed
    memory.activation_bytes += MemoryTerms::matrix(std::max(2 * inputs_.parallel, 1), model_.vocab);
  }
  // Two generations of packed rows on each side: one is under way while the next is packed or taken.
  const std::uint64_t link = 2 * MemoryTerms::matrix(rows, model_.hidden, inputs_.message_type);
  memory.message_buffer_bytes = (first_stage() ? 0 : link) + (last_stage() ? 0 : link);
  if (chunks.empty()) return;
  if (group == 1) {
    memory.activation_bytes += terms_.local_attention(queries);
    return;
  }
  const MemoryTerms::Ring ring = terms_.ring(choices_.stages[*stage_], group);
  memory.activation_bytes += ring.activation_bytes;
  memory.message_buffer_bytes += ring.message_buffer_bytes;
}

/// The stage's first rank computes everything but the others' share of the attention.
void Coster::decode(const StagePlan& stage, int member) {
  const double group = static_cast<double>(stage.ranks.size());
  const std::int32_t half = inputs_.max_new_tokens / 2;
  const double context = pass_tokens() + half;
  cost_.decode_flop_per_token = flop_.pair * keys_of_one(model_, context, stage.first_layer, stage.end_layer) / group;
  if (member != 0) {
    cost_.bytes_sent_decode_per_token =
        stage.layers() * static_cast<double>(part_bytes(1, static_cast<std::size_t>(model_.heads),
                                                        static_cast<std::size_t>(model_.head_dim), DataType::f32));
    return;
  }
  cost_.decode_flop_per_token += stage.layers() * flop_.linear();
  cost_.bytes_sent_decode_per_token =
      stage.layers() * 4.0 * (model_.query_width() + 2 * model_.kv_width()) * (group - 1);
  if (!last_stage()) {
    cost_.bytes_sent_decode_per_token +=
        static_cast<double>(MemoryTerms::matrix(1, model_.hidden, inputs_.message_type));
    return;
  }
  cost_.decode_flop_per_token += flop_.logits;
  if (cost_.rank != RankId(0)) cost_.bytes_sent_decode_per_token += 4.0 * model_.vocab;
}

}  // namespace

std::vector<RankCost> rank_costs(const ClusterPlan& plan, const PlanInputs& inputs) {
  GEMRING_CHECK(inputs.model.layer_count() == plan.layers && inputs.prompt_tokens >= 0 && inputs.max_new_tokens >= 0 &&
                    inputs.prompt_tokens <= kMostTokens && inputs.max_new_tokens <= kMostTokens - inputs.prompt_tokens,
                "{} and {} layers, {} + {} tokens", inputs.model.layer_count(), plan.layers, inputs.prompt_tokens,
                inputs.max_new_tokens);
  GEMRING_CHECK(inputs.parallel >= 0 && inputs.parallel <= kMostParallel, "{} sequences", inputs.parallel);
  const GroupChoices choices = choices_of(plan, inputs);
  std::vector<RankCost> costs;
  costs.reserve(static_cast<std::size_t>(plan.ranks));
  for (int rank = 0; rank < plan.ranks; ++rank) costs.push_back(Coster(plan, inputs, choices, RankId(rank)).run());
  return costs;
}

}  // namespace gemring

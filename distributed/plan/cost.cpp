#include "distributed/plan/cost.h"

#include <fmt/format.h>

#include <algorithm>

#include "distributed/plan/memory_terms.h"
#include "distributed/plan/message_types.h"
#include "distributed/plan/weight_reads.h"
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

/// Keys that the queries of positions 0..end-1 see together: position p sees p + 1 of them, at most `window`.
double keys_seen_before(double end, double window) {
  const double growing = std::min(end, window);
  return growing * (growing + 1) / 2 + (end - growing) * window;
}

double keys_seen(const std::vector<PositionRange>& ranges, std::int32_t window) {
  double keys = 0;
  for (const PositionRange& range : ranges) {
    keys += keys_seen_before(range.end.value(), window) - keys_seen_before(range.begin.value(), window);
  }
  return keys;
}

/// FLOP of the pieces of one decoder layer, per token (attention: per query and key).
struct LayerFlop {
  explicit LayerFlop(const ModelConfig& model)
      : keys(2.0 * model.hidden * model.kv_width()),
        query(2.0 * model.hidden * model.query_width()),
        output(query),
        mlp(6.0 * model.hidden * model.ffn),
        pair(4.0 * model.query_width()) {}
  double linear() const { return 2 * keys + query + output + mlp; }  // values cost what keys cost

  double keys, query, output, mlp, pair;
};

/// Everything for one rank of one plan.
class Coster {
 public:
  Coster(const ClusterPlan& plan, const PlanInputs& inputs, RankId rank)
      : plan_(plan),
        inputs_(inputs),
        model_(inputs.model),
        terms_(inputs),
        flop_(inputs.model),
        stage_(plan.stage_of(rank)) {
    cost_.rank = rank;
  }

  RankCost run() {
    const WeightReads weights(plan_, inputs_, cost_.rank);
    cost_.tensors = weights.all();
    for (const ReadTensor& tensor : cost_.tensors) cost_.weights_bytes += tensor.bytes;
    if (runs_filter() && plan_.filters(cost_.rank)) filter();
    if (stage_) stage();
    if (cost_.rank == RankId(0)) {
      cost_.bytes_sent_prefill += 8.0 * pass_tokens() * (plan_.ranks - 1);  // kept indices and token ids to everyone
    }
    cost_.fixed_bytes = kFixedBytes;
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
  double pairs(const ZigzagShards& shards, int member, LayerIndex begin, LayerIndex end) const {
    double sum = 0;
    for (LayerIndex layer = begin; layer < end; ++layer) sum += keys_seen(shards.ranges(member), model_.window(layer));
    return sum;
  }

  /// Keys seen by one query with `context` keys up to its own, summed over layers [begin, end).
  double keys_of_one(double context, LayerIndex begin, LayerIndex end) const {
    double sum = 0;
    for (LayerIndex layer = begin; layer < end; ++layer) sum += std::min(context, double{1} * model_.window(layer));
    return sum;
  }

  /// One layer's ring: a member passes on every block but the next member's, which it receives last.
  double ring_bytes(const ZigzagShards& shards, int member) const {
    if (shards.members() == 1) return 0;
    const std::int32_t passed = shards.range().size() - shards.size((member + 1) % shards.members());
    return static_cast<double>(terms_.keys_values(passed, ring_type(inputs_.kv_type, inputs_.message_type)));
  }

  void filter();
  void stage();
  void stage_chunk(const StagePlan& stage, const ZigzagShards& shards, int member, bool first_chunk, bool last_chunk);
  void stage_memory(const StagePlan& stage, const std::vector<ZigzagShards>& chunks, int member);
  void decode(const StagePlan& stage, int member);

  const ClusterPlan& plan_;
  const PlanInputs& inputs_;
  const ModelConfig& model_;
  MemoryTerms terms_;
  LayerFlop flop_;
  std::optional<std::size_t> stage_;
  RankCost cost_;
};

void Coster::filter() {
  const auto group = static_cast<int>(plan_.filter_group.size());
  const int member = member_of(plan_.filter_group, cost_.rank);
  const ZigzagShards shards({GlobalPosition(0), GlobalPosition(inputs_.prompt_tokens)}, group);
  const std::int32_t own = shards.size(member);
  const double layers = inputs_.filter_layer.value();  // whole ones; of layer r only keys, one query and scores

  cost_.filter.kv_cache_bytes = terms_.keys_values(own, inputs_.kv_type);  // one layer's
  const std::int64_t queries = queries_at_a_time(own, group);
  cost_.filter.activation_bytes = terms_.layers(own, queries) + terms_.rotations(own) +
                                  (group > 1 ? terms_.ring_attention(own) : terms_.local_attention(queries));
  cost_.filter.message_buffer_bytes = group > 1 ? terms_.ring_buffers(shards, member) : 0;

  cost_.filter_flop = layers * own * flop_.linear() +
                      flop_.pair * pairs(shards, member, LayerIndex(0), inputs_.filter_layer) +
                      own * (flop_.keys + 2.0 * model_.query_width()) + (member == 0 ? flop_.query : 0);
  cost_.bytes_sent_filter = layers * ring_bytes(shards, member);
  if (member == 0) {  // the others' ids, and the last token's query
    cost_.bytes_sent_filter += 4.0 * (inputs_.prompt_tokens - own) + 4.0 * model_.query_width() * (group - 1);
  } else {  // scores
    cost_.bytes_sent_filter += 4.0 * own;
  }
}

void Coster::stage() {
  const StagePlan& stage = plan_.stages[*stage_];
  const int member = member_of(stage.ranks, cost_.rank);
  std::vector<ZigzagShards> chunks;
  for (const PositionRange& chunk : plan_.chunks(pass_tokens())) {
    chunks.emplace_back(chunk, static_cast<int>(stage.ranks.size()));
  }
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    stage_chunk(stage, chunks[i], member, i == 0, i + 1 == chunks.size());
  }
  stage_memory(stage, chunks, member);
  decode(stage, member);
}

/// The first chunk passes keys and values through the ring, later ones their queries. Attention is counted where its
/// queries live; with travelling queries the members share it about equally.
void Coster::stage_chunk(const StagePlan& stage, const ZigzagShards& shards, int member, bool first_chunk,
                         bool last_chunk) {
  const std::int32_t own = shards.size(member);
  const std::int32_t others = shards.range().size() - own;
  const bool last_token_here = last_chunk && member == 0;
  const int whole = stage.layers() - (last_stage() ? 1 : 0);  // of the model's last layer only the last token goes on
  const LayerIndex end(stage.first_layer.value() + whole);

  cost_.prefill_flop += whole * own * flop_.linear() + flop_.pair * pairs(shards, member, stage.first_layer, end);
  if (last_stage()) {
    cost_.prefill_flop += 2.0 * own * flop_.keys;
    if (last_token_here) {
      cost_.prefill_flop +=
          flop_.query + flop_.output + flop_.mlp +
          flop_.pair * keys_of_one(shards.range().end.value(), LayerIndex(model_.layers - 1), stage.end_layer) +
          2.0 * model_.hidden * model_.vocab;
    }
  }

  if (shards.members() > 1 && first_chunk) {
    cost_.bytes_sent_prefill += stage.layers() * ring_bytes(shards, member);
  } else if (shards.members() > 1) {
    cost_.bytes_sent_prefill +=
        whole * (static_cast<double>(MemoryTerms::matrix(own, model_.query_width())) * (shards.members() - 1) +
                 static_cast<double>(terms_.partials(others)));
    if (last_stage() && last_chunk) {
      cost_.bytes_sent_prefill +=
          member == 0 ? 4.0 * model_.query_width() * (shards.members() - 1) : static_cast<double>(terms_.partials(1));
    }
  }
  if (!last_stage()) {
    cost_.bytes_sent_prefill += static_cast<double>(MemoryTerms::matrix(own, model_.hidden, inputs_.message_type));
  } else if (last_token_here && cost_.rank != RankId(0)) {
    cost_.bytes_sent_prefill += 4.0 * model_.vocab;
  }
}

void Coster::stage_memory(const StagePlan& stage, const std::vector<ZigzagShards>& chunks, int member) {
  const auto group = static_cast<std::int32_t>(stage.ranks.size());
  std::int32_t prompt = 0;
  std::int32_t rows = 1;  // of this rank in any step
  for (const ZigzagShards& shards : chunks) {
    prompt += shards.size(member);
    rows = std::max(rows, shards.size(member));
  }
  // Decoded tokens go to the members in turn; every member has the rotations of all of them.
  const std::int32_t cached = prompt + (inputs_.max_new_tokens + group - 1) / group;

  PhaseMemory& memory = cost_.stage;
  memory.kv_cache_bytes = static_cast<std::uint64_t>(stage.layers()) * terms_.keys_values(cached, inputs_.kv_type);
  const std::int64_t queries = queries_at_a_time(rows, group);
  memory.activation_bytes = terms_.layers(rows, queries) + terms_.rotations(prompt + inputs_.max_new_tokens);
  if (last_stage() && member == 0) memory.activation_bytes += MemoryTerms::matrix(1, model_.vocab);
  // Two generations of packed rows on each side: one is under way while the next is packed or taken.
  const std::uint64_t link = 2 * MemoryTerms::matrix(rows, model_.hidden, inputs_.message_type);
  memory.message_buffer_bytes = (first_stage() ? 0 : link) + (last_stage() ? 0 : link);
  if (chunks.empty()) return;
  if (group == 1) {
    memory.activation_bytes += terms_.local_attention(queries);
    return;
  }
  memory.activation_bytes += terms_.ring_attention(chunks.front().size(member));
  memory.message_buffer_bytes += terms_.ring_buffers(chunks.front(), member);
  if (chunks.size() > 1) {
    memory.activation_bytes += terms_.pass_q(chunks.front().largest(), group);
    memory.message_buffer_bytes += terms_.pass_q_buffers(chunks.front().largest(), group);
  }
}

/// The stage's first rank computes everything but the others' share of the attention.
void Coster::decode(const StagePlan& stage, int member) {
  const double group = static_cast<double>(stage.ranks.size());
  const std::int32_t half = inputs_.max_new_tokens / 2;
  const double context = pass_tokens() + half;
  cost_.decode_flop_per_token = flop_.pair * keys_of_one(context, stage.first_layer, stage.end_layer) / group;
  if (member != 0) {
    cost_.bytes_sent_decode_per_token = stage.layers() * static_cast<double>(terms_.partials(1));
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
  cost_.decode_flop_per_token += 2.0 * model_.hidden * model_.vocab;
  if (cost_.rank != RankId(0)) cost_.bytes_sent_decode_per_token += 4.0 * model_.vocab;
}

}  // namespace

std::vector<RankCost> rank_costs(const ClusterPlan& plan, const PlanInputs& inputs) {
  GEMRING_CHECK(inputs.model.layers == plan.layers && inputs.prompt_tokens >= 0 && inputs.max_new_tokens >= 0,
                "{} and {} layers, {} + {} tokens", inputs.model.layers, plan.layers, inputs.prompt_tokens,
                inputs.max_new_tokens);
  std::vector<RankCost> costs;
  costs.reserve(static_cast<std::size_t>(plan.ranks));
  for (int rank = 0; rank < plan.ranks; ++rank) costs.push_back(Coster(plan, inputs, RankId(rank)).run());
  return costs;
}

}  // namespace gemring

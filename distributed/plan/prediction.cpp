#include "distributed/plan/prediction.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "distributed/comm/broadcast_tree.h"
#include "distributed/plan/ring_choice.h"
#include "distributed/plan/work_terms.h"
#include "engine/base/check.h"
#include "engine/model/decoder_layer.h"
#include "engine/model/tensors.h"

namespace gemring {
namespace {

double transfer(double bytes, const LinkSpeed& link) {
  return link.latency_seconds + (link.bytes_per_second > 0 ? bytes / link.bytes_per_second : 0);
}

void add(PhaseSeconds& sum, const PhaseSeconds& part, double times = 1) {
  sum.seconds += times * part.seconds;
  sum.exposed += times * part.exposed;
}

/// Of the phases that run on one of the planned checkpoints.
class Predictor {
 public:
  Predictor(const ClusterPlan& plan, const PlanInputs& inputs, const PlannedModel& model,
            const std::vector<RankCost>& costs, const Machines& machines, const PredictionOptions& options,
            Prediction& made)
      : plan_(plan),
        inputs_(inputs),
        model_(model.config),
        machines_(machines),
        options_(options),
        flop_(model.config),
        costs_(costs),
        weights_(layer_weights_type(model)),
        block_(inputs.token_block > 0 ? inputs.token_block : static_cast<std::int64_t>(token_block(inputs.compute))),
        made_(made) {}

  void filter();
  void answer() { select(), prefill(), decode(); }

 private:
  std::int32_t tokens() const { return inputs_.pass_tokens(plan_.method); }
  RankSeconds& of(RankId rank) { return made_.ranks[rank.index()]; }
  RankClock clock(RankId rank) const { return {machines_, rank}; }
  bool is_last(std::size_t stage) const { return stage + 1 == plan_.stages.size(); }

  /// Threads at work on each host while these ranks are.
  using Working = std::vector<double>;
  Working working(const std::vector<RankId>& ranks) const {
    Working threads(machines_.hosts.size());
    for (const RankId rank : ranks) threads[clock(rank).host()] += clock(rank).threads();
    return threads;
  }
  double busy(RankId rank, const Working& threads) const { return threads[machines_.ranks[rank.index()].host]; }

  /// As measured, else as the choice of ring variants assumes.
  LinkSpeed link(RankId from, RankId to) const {
    const bool together = clock(from).host() == clock(to).host();
    return measured_or(machines_.link(from, to), together ? kAssumedWithinHost : kAssumedBetweenHosts);
  }
  GroupLinks links_of(const std::vector<RankId>& group) const {
    GroupLinks links = on_links({}, machines_.links()).links;
    std::vector<std::int32_t> hosts;
    hosts.reserve(group.size());
    for (const RankId rank : group) hosts.push_back(links.hosts[rank.index()]);
    links.hosts = std::move(hosts);
    return links;
  }

  double linear(RankId rank, std::int64_t rows, double flop_per_row, double busy_threads) const {
    return clock(rank).layer(rows, flop_per_row, block_, weights_, inputs_.compute, busy_threads);
  }

  /// Attention of one layer; `pairs` of `rows` queries, whose keys come in so many blocks.
  double attention(RankId rank, double rows, double pairs, double busy_threads, int blocks = 1) const {
    if (rows == 0) return 0;
    return clock(rank).attention(pairs, flop_.pair, pairs / rows / blocks, model_.head_dim, rows == 1, busy_threads);
  }

  /// Rows of the embedding, each read and written.
  double embedding(RankId rank, double rows, double busy_threads) const {
    return clock(rank).read(rows * model_.hidden * (bytes_per_weight(weights_) + sizeof(float)), busy_threads);
  }

  PhaseSeconds group_layer(const std::vector<RankId>& group, const ZigzagShards& shards,
                           const std::vector<std::int32_t>& cached, std::int32_t window, const Working& working,
                           std::vector<double>& compute) const;
  PhaseSeconds group_layers(const std::vector<RankId>& group, const ZigzagShards& shards,
                            const std::vector<std::int32_t>& cached, LayerIndex begin, LayerIndex end,
                            const Working& working, std::vector<double>& compute) const;
  void exact_filter();
  void windowed_filter();
  void select();
  void prefill();
  std::vector<PhaseSeconds> chunk_seconds(std::size_t stage, const Working& working);
  double last_row(RankId rank, double context, double busy_threads) const;
  void decode();

  const ClusterPlan& plan_;
  const PlanInputs& inputs_;
  const ModelConfig& model_;
  const Machines& machines_;
  const PredictionOptions& options_;
  LayerFlop flop_;
  const std::vector<RankCost>& costs_;
  DataType weights_;
  std::int64_t block_;
  Prediction& made_;
};

/// One whole layer of a group's shards: all members meet in its attention. `cached`: keys of earlier chunks on each
/// member. Adds each member's compute to `compute`.
PhaseSeconds Predictor::group_layer(const std::vector<RankId>& group, const ZigzagShards& shards,
                                    const std::vector<std::int32_t>& cached, std::int32_t window,
                                    const Working& working, std::vector<double>& compute) const {
  RingWork work = ring_work(kv_shape(model_, inputs_.kv_type), model_.heads, inputs_.message_type);
  work.overlap = options_.overlap;
  double products = 0;
  for (int member = 0; member < shards.members(); ++member) {
    const RankId rank = group[static_cast<std::size_t>(member)];
    const std::int32_t rows = shards.size(member);
    const double threads = busy(rank, working);
    const double own = linear(rank, rows, flop_.linear(), threads);
    const double attend = attention(rank, rows, keys_seen(shards.ranges(member), window), threads, shards.members());
    compute[static_cast<std::size_t>(member)] += own + attend;
    products = std::max(products, own);
    work.attention_seconds = std::max(work.attention_seconds, attend);
    work.queries.push_back(rows);
    work.keys.push_back(rows + cached[static_cast<std::size_t>(member)]);
  }
  if (shards.members() == 1) return {products + work.attention_seconds, 0};
  const RingCost ring = choose_ring(work, links_of(group), inputs_.ring_variant).cost;
  return {products + ring.seconds, ring.seconds - work.attention_seconds};
}

/// Layers [begin, end); those of one window take the same time.
PhaseSeconds Predictor::group_layers(const std::vector<RankId>& group, const ZigzagShards& shards,
                                     const std::vector<std::int32_t>& cached, LayerIndex begin, LayerIndex end,
                                     const Working& working, std::vector<double>& compute) const {
  PhaseSeconds sum;
  std::map<std::int32_t, std::pair<PhaseSeconds, std::vector<double>>> of_window;
  for (LayerIndex layer = begin; layer < end; ++layer) {
    const auto [found, first] = of_window.try_emplace(model_.layer(layer).window);
    auto& [seconds, own] = found->second;
    if (first) {
      own.resize(group.size());
      seconds = group_layer(group, shards, cached, model_.layer(layer).window, working, own);
    }
    add(sum, seconds);
    for (std::size_t i = 0; i < own.size(); ++i) compute[i] += own[i];
  }
  return sum;
}

void Predictor::filter() {
  if (inputs_.window.window > 0)
    windowed_filter();
  else
    exact_filter();
}

/// Chunks go through the layers in a wave: who comes last waits for those before it, a layer each, and then for nobody
/// as long as halos travel faster than a layer is computed.
void Predictor::windowed_filter() {
  const std::vector<RankId>& group = plan_.filter_group;
  const Working working = this->working(group);
  const WindowSizes& sizes = inputs_.window;
  const ChunkDeal deal = plan_.filter_deal(inputs_.prompt_tokens, sizes.chunk);
  const double layers = inputs_.filter_layer.value();
  const auto halo = static_cast<double>(WindowHalo::size(kv_shape(model_, inputs_.kv_type), sizes));
  double slowest = 0, of_layer = 0, messages = 0;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::int32_t rows = deal.size(static_cast<int>(i));
    const double threads = busy(group[i], working);
    double own =
        linear(group[i], rows, layers * flop_.linear() + flop_.scoring(inputs_.scoring_layers, inputs_.scoring_columns),
               threads) +
        embedding(group[i], rows, threads) +
        clock(group[i]).touch(static_cast<double>(costs_[group[i].index()].filter.total()), threads);
    for (LayerIndex layer(0); layer < inputs_.filter_layer; ++layer) {
      const std::int32_t keys = std::min(sizes.window + sizes.sinks, model_.layer(layer).window);
      own += attention(group[i], rows, static_cast<double>(rows) * keys, threads);
    }
    const double chunk_layer = rows == 0 || layers == 0 ? 0 : own * std::min(rows, sizes.chunk) / rows / layers;
    of_layer = std::max(of_layer, chunk_layer);
    slowest = std::max(slowest, own);
    of(group[i]).filter = own;
    if (i == 0) continue;
    const LinkSpeed between = link(group[0], group[i]);
    const double column = 4.0 * rows;
    messages = std::max(messages, transfer(column, between) + transfer(inputs_.scoring_columns * column, between));
    const double late = std::max(transfer(halo, link(group[i - 1], group[i])) - chunk_layer, 0.0);
    messages = std::max(messages, late * layers * deal.rounds());
  }
  made_.filter = {slowest + of_layer * static_cast<double>(group.size() - 1), 0};
  add(made_.filter, {messages, messages});
}

void Predictor::exact_filter() {
  const std::vector<RankId>& group = plan_.filter_group;
  const Working working = this->working(group);
  const ZigzagShards shards = plan_.filter_shards(inputs_.prompt_tokens);
  std::vector<double> compute(group.size());
  made_.filter = group_layers(group, shards, std::vector<std::int32_t>(group.size()), LayerIndex(0),
                              inputs_.filter_layer, working, compute);
  const double query_floats = static_cast<double>(inputs_.scoring_queries) * model_.query_width();
  double around = 0;  // set-up, embedding and scores of the slowest
  for (std::size_t i = 0; i < group.size(); ++i) {
    const std::int32_t rows = shards.size(static_cast<int>(i));
    const double threads = busy(group[i], working);
    const RankCost& cost = costs_[group[i].index()];
    const double own =
        clock(group[i]).touch(static_cast<double>(cost.filter.total()), threads) + embedding(group[i], rows, threads) +
        linear(group[i], rows, flop_.scoring(inputs_.scoring_layers, inputs_.scoring_columns), threads) +
        (i == 0 ? linear(group[i], inputs_.scoring_layers * inputs_.scoring_queries, flop_.query, threads) : 0);
    around = std::max(around, own);
    of(group[i]).filter = compute[i] + own;
  }
  made_.filter.seconds += around;
  double messages = 0;  // ids to the members, their scores back to the first
  for (std::size_t i = 1; i < group.size(); ++i) {
    const double column = 4.0 * shards.size(static_cast<int>(i));
    const LinkSpeed between = link(group[0], group[i]);
    messages = std::max(messages, transfer(column, between) + transfer(inputs_.scoring_columns * column, between) +
                                      inputs_.scoring_layers * transfer(4.0 * query_floats, between));
  }
  add(made_.filter, {messages, messages});
}

/// Rank 0's kept indices and ids to the first stage, along the tree in which a rank passes on what it has in whole.
void Predictor::select() {
  if (plan_.ranks == 1) return;
  LinkSpeed slowest;
  for (int rank = 1; rank < plan_.ranks; ++rank) {
    const LinkSpeed to_rank = link(RankId(0), RankId(rank));
    if (transfer(8.0 * tokens(), to_rank) > transfer(8.0 * tokens(), slowest)) slowest = to_rank;
  }
  std::vector<int> readers;
  for (const RankId rank : plan_.stages.front().ranks) readers.push_back(rank.value());
  const double seconds = broadcast_rounds(plan_.ranks, ranges_of(readers)) * transfer(8.0 * tokens(), slowest);
  made_.select = {seconds, seconds};
}

/// What only the last token goes through: of the last layer all but keys and values, and the logits.
double Predictor::last_row(RankId rank, double context, double busy_threads) const {
  const LayerIndex last(model_.layer_count() - 1);
  return linear(rank, 1, flop_.query + flop_.output + flop_.mlp + flop_.logits, busy_threads) +
         attention(rank, 1, std::min(context, double{1} * model_.layer(last).window), busy_threads);
}

/// Of every chunk of a stage.
std::vector<PhaseSeconds> Predictor::chunk_seconds(std::size_t index, const Working& working) {
  const StagePlan& stage = plan_.stages[index];
  const std::vector<ZigzagShards> chunks = plan_.stage_shards(index, tokens());
  const LayerIndex end = stage.end_layer + (is_last(index) ? -1 : 0);
  std::vector<std::int32_t> cached(stage.ranks.size());
  std::vector<PhaseSeconds> seconds;
  for (const ZigzagShards& shards : chunks) {
    std::vector<double> compute(stage.ranks.size());
    PhaseSeconds chunk = group_layers(stage.ranks, shards, cached, stage.first_layer, end, working, compute);
    double rest = 0;  // embedding; of the last layer keys and values; of the last chunk also its last token
    for (std::size_t i = 0; i < stage.ranks.size(); ++i) {
      const double threads = busy(stage.ranks[i], working);
      const std::int32_t rows = shards.size(static_cast<int>(i));
      double own = index == 0 ? embedding(stage.ranks[i], rows, threads) : 0;
      if (is_last(index)) own += linear(stage.ranks[i], rows, 2 * flop_.keys, threads);
      if (is_last(index) && i == 0 && &shards == &chunks.back()) own += last_row(stage.ranks[i], tokens(), threads);
      compute[i] += own;
      rest = std::max(rest, own);
    }
    chunk.seconds += rest;
    for (std::size_t i = 0; i < stage.ranks.size(); ++i) {
      of(stage.ranks[i]).prefill += compute[i];
      cached[i] += shards.size(static_cast<int>(i));
    }
    seconds.push_back(chunk);
  }
  return seconds;
}

/// Stage s begins chunk c when it has done chunk c - 1 and the chunk has come from stage s - 1.
void Predictor::prefill() {
  const std::vector<PositionRange> chunks = plan_.chunks(tokens());
  std::vector<double> arrived(chunks.size());
  std::vector<double> exposed(chunks.size());
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
    const StagePlan& stage = plan_.stages[s];
    std::vector<RankId> at_work;
    for (const StagePlan& other : plan_.stages) {
      if (chunks.size() > 1 || &other == &stage) at_work.insert(at_work.end(), other.ranks.begin(), other.ranks.end());
    }
    const Working working = this->working(at_work);
    const std::vector<PhaseSeconds> seconds = chunk_seconds(s, working);
    double ready = 0;  // set-up, on all stages at once
    for (const RankId rank : stage.ranks) {
      const double own =
          clock(rank).touch(static_cast<double>(costs_[rank.index()].stage.total()), busy(rank, working));
      of(rank).prefill += own;
      ready = std::max(ready, own);
    }
    double waited = 0;
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      waited = std::max(waited, arrived[c] > ready ? exposed[c] : 0);
      ready = std::max(ready, arrived[c]) + seconds[c].seconds;
      waited += seconds[c].exposed;
      const auto members = static_cast<double>(stage.ranks.size());
      const bool leaves = !is_last(s);
      const double bytes =
          leaves ? bytes_per_weight(inputs_.message_type) * model_.hidden * chunks[c].size() / members : 0;
      const double on_link = leaves ? transfer(bytes, link(stage.ranks[0], plan_.stages[s + 1].ranks[0])) : 0;
      arrived[c] = ready + on_link;
      exposed[c] = waited + on_link;
    }
  }
  if (!chunks.empty()) made_.prefill = {arrived.back(), exposed.back()};
  const RankId sender = plan_.stages.back().ranks.front();
  if (sender != RankId(0)) {
    const double logits = transfer(4.0 * model_.vocab, link(sender, RankId(0)));
    add(made_.prefill, {logits, logits});
  }
}

/// In the middle of the answer. One stage after the other works; its first rank alone but for the attention.
void Predictor::decode() {
  const double context = tokens() + inputs_.max_new_tokens / 2;  // NOLINT(bugprone-integer-division): a whole token
  PhaseSeconds& token = made_.decode_per_token;
  for (std::size_t s = 0; s < plan_.stages.size(); ++s) {
    const StagePlan& stage = plan_.stages[s];
    const RankId first = stage.ranks.front();
    const Working together = working(stage.ranks);
    const double threads = clock(first).threads();
    double own = stage.layers() * linear(first, 1, flop_.linear(), threads);
    if (is_last(s)) own += linear(first, 1, flop_.logits, threads);
    double slowest = 0;
    double latency = 0;    // of the farthest member, there and back, in each layer
    double transfers = 0;  // all queries leave the first rank, all results come to it
    const auto members = static_cast<double>(stage.ranks.size());
    for (const RankId rank : stage.ranks) {
      double attend = 0;
      for (LayerIndex layer = stage.first_layer; layer < stage.end_layer; ++layer) {
        const double keys = std::min(context, double{1} * model_.layer(layer).window) / members;
        attend += attention(rank, 1, keys, busy(rank, together));
      }
      of(rank).decode_per_token += attend;
      slowest = std::max(slowest, attend);
      if (rank == first) continue;
      const LinkSpeed to_rank = link(first, rank);
      const double bytes =
          4.0 * (model_.query_width() + 2 * model_.kv_width()) + 4.0 * model_.heads * (model_.head_dim + 2);
      latency = std::max(latency, 2 * to_rank.latency_seconds);
      transfers += transfer(bytes, to_rank) - to_rank.latency_seconds;
    }
    double messages = stage.layers() * (latency + transfers);
    of(first).decode_per_token += own;
    const RankId next = is_last(s) ? RankId(0) : plan_.stages[s + 1].ranks.front();
    const double bytes = is_last(s) ? 4.0 * model_.vocab : bytes_per_weight(inputs_.message_type) * model_.hidden;
    if (next != first) messages += transfer(bytes, link(first, next));
    if (s == 0 && first != RankId(0)) messages += link(RankId(0), first).latency_seconds;
    add(token, {own + slowest + messages, messages});
  }
}

}  // namespace

DataType layer_weights_type(const PlannedModel& model) {
  GEMRING_CHECK(!model.tensors.empty(), "no tensors");
  std::map<DataType, std::uint64_t> bytes;
  std::map<std::string_view, TensorRole> roles;
  const std::vector<ModelTensor> tensors = model_tensors(model.config);
  for (const ModelTensor& tensor : tensors) roles[tensor.name] = tensor.role;
  for (const TensorInfo& tensor : model.tensors) {
    const auto role = roles.find(tensor.name);
    if (role != roles.end() && is_of_layer(role->second)) bytes[tensor.type] += tensor.bytes;
  }
  if (bytes.empty()) return model.tensors.front().type;
  return std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

Prediction predict(const ClusterPlan& plan, const PlanInputs& inputs, const std::vector<RankCost>& costs,
                   const Machines& machines, const PredictionOptions& options) {
  GEMRING_CHECK(machines.ranks.size() == static_cast<std::size_t>(plan.ranks), "{} machines, {} ranks",
                machines.ranks.size(), plan.ranks);
  GEMRING_CHECK(options.overlap >= 0 && options.overlap <= 1, "overlap {}", options.overlap);
  Prediction made;
  made.ranks.resize(static_cast<std::size_t>(plan.ranks));
  if (inputs.filters(plan.method)) Predictor(plan, inputs, inputs.filtering(), costs, machines, options, made).filter();
  Predictor(plan, inputs, inputs.answering(), costs, machines, options, made).answer();
  return made;
}

}  // namespace gemring

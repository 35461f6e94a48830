#include "distributed/plan/weight_reads.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string_view>

namespace gemring {
namespace {

/// A fault on a mapped file brings in what the page cache has around it (Linux: fault_around_bytes).
constexpr double kFaultAround = 64 << 10;

/// Of a table of `bytes` with `rows` rows, where `tokens` rows are read that lie anywhere.
std::uint64_t rows_read(std::uint64_t bytes, std::int32_t rows, std::int32_t tokens) {
  const auto size = static_cast<double>(bytes);
  const double piece = std::min(std::max(kFaultAround, size / rows), size);
  return static_cast<std::uint64_t>(size * (1 - std::pow(1 - piece / size, tokens)) + 0.5);
}

bool is_for_keys_and_values(TensorRole role) {
  switch (role) {
    case TensorRole::input_norm:
    case TensorRole::k:
    case TensorRole::v:
    case TensorRole::k_bias:
    case TensorRole::v_bias:
    case TensorRole::k_norm:
      return true;
    default:
      return false;
  }
}

int member_of(const std::vector<RankId>& group, RankId rank) {
  return static_cast<int>(std::find(group.begin(), group.end(), rank) - group.begin());
}

std::int32_t largest_share(std::int32_t tokens, const std::vector<RankId>& group, const Shares& shares) {
  std::int64_t sum = static_cast<std::int64_t>(group.size());
  std::int64_t largest = 1;
  if (!shares.empty()) {
    sum = std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
    largest = *std::max_element(shares.begin(), shares.end());
  }
  return static_cast<std::int32_t>((tokens * largest + sum - 1) / sum);
}

}  // namespace

CheckpointReads::CheckpointReads(const ClusterPlan& plan, const PlanInputs& inputs, const PlannedModel& model,
                                 RankId rank, const Roles& roles)
    : plan_(plan),
      inputs_(inputs),
      model_(model),
      rank_(rank),
      filters_(roles.filters),
      tensors_(model_tensors(model.config)) {
  if (roles.stage) {
    stage_ = &plan.stages[*roles.stage];
    first_stage_ = *roles.stage == 0;
    last_stage_ = *roles.stage + 1 == plan.stages.size();
  }
  std::map<std::string_view, const ModelTensor*> needed;
  for (const ModelTensor& tensor : tensors_) {
    if (stage_needs(tensor) || filter_needs(tensor)) needed.emplace(tensor.name, &tensor);
  }
  for (const TensorInfo& info : model.tensors) {
    const auto place = needed.find(info.name);
    of_checkpoint_.push_back(place == needed.end() ? nullptr : place->second);
  }
}

bool CheckpointReads::holds_last_token() const {
  return last_stage_ && stage_->ranks.front() == rank_;
}

std::int32_t CheckpointReads::tokens_of_filter() const {
  return filters_ && inputs_.filters(plan_.method)
             ? largest_share(inputs_.prompt_tokens, plan_.filter_group, plan_.filter_shares)
             : 0;
}

std::int32_t CheckpointReads::tokens_of_stage() const {
  return first_stage_ ? largest_share(inputs_.pass_tokens(plan_.method), stage_->ranks, stage_->shares) : 0;
}

bool CheckpointReads::stage_needs(const ModelTensor& tensor) const {
  if (stage_ == nullptr) return false;
  if (tensor.role == TensorRole::embedding) return first_stage_ || (last_stage_ && model_.config.tied_embeddings);
  if (!is_of_layer(tensor.role)) return last_stage_;
  return tensor.layer >= stage_->first_layer && tensor.layer < stage_->end_layer;
}

bool CheckpointReads::filter_needs(const ModelTensor& tensor) const {
  if (!filters_) return false;
  if (!is_of_layer(tensor.role)) return tensor.role == TensorRole::embedding;
  return tensor.layer < inputs_.filter_layer || (tensor.layer == inputs_.filter_layer && is_for_scoring(tensor.role));
}

std::uint64_t CheckpointReads::read_by_stage(const ModelTensor& tensor, std::uint64_t bytes) const {
  if (!stage_needs(tensor)) return 0;
  const ModelConfig& model = model_.config;
  const bool logits = holds_last_token() || (last_stage_ && inputs_.logit_rows > 1);
  if (tensor.role == TensorRole::embedding)
    return logits && model.tied_embeddings ? bytes : rows_read(bytes, model.vocab, tokens_of_stage());
  if (!is_of_layer(tensor.role)) return logits ? bytes : 0;
  if (tensor.layer.value() + 1 < model.layer_count() || logits) return bytes;
  if (tensor.role != TensorRole::qkv) return is_for_keys_and_values(tensor.role) ? bytes : 0;
  const std::int64_t kv = 2 * std::int64_t{model.kv_width()};
  return bytes * static_cast<std::uint64_t>(kv) / static_cast<std::uint64_t>(kv + model.query_width());
}

std::uint64_t CheckpointReads::read_by_filter(const ModelTensor& tensor, std::uint64_t bytes) const {
  if (!filter_needs(tensor) || !inputs_.filters(plan_.method)) return 0;
  if (tensor.role == TensorRole::embedding) return rows_read(bytes, model_.config.vocab, tokens_of_filter());
  const bool query = tensor.role == TensorRole::q || tensor.role == TensorRole::q_bias;
  const bool skipped = tensor.layer == inputs_.filter_layer && query && member_of(plan_.filter_group, rank_) != 0;
  return skipped ? 0 : bytes;
}

std::uint64_t CheckpointReads::resident(const ModelTensor& tensor, const TensorInfo& info) const {
  if (!model_.weights_shared || is_block_type(info.type)) return info.bytes;
  if (inputs_.parallel > 0 && tensor.role == TensorRole::embedding) return info.bytes;  // request after request
  const std::uint64_t read = std::max(read_by_filter(tensor, info.bytes), read_by_stage(tensor, info.bytes));
  if (tensor.role != TensorRole::embedding || plan_.filter_group.size() <= 1) return read;
  // A shard of the compressed prompt holds other tokens than the same rank's shard of the prompt.
  return std::max(read, rows_read(info.bytes, model_.config.vocab, tokens_of_filter() + tokens_of_stage()));
}

std::vector<ReadTensor> CheckpointReads::all() const {
  std::vector<ReadTensor> reads;
  for (std::size_t i = 0; i < of_checkpoint_.size(); ++i) {
    if (of_checkpoint_[i] != nullptr) reads.push_back({i, resident(*of_checkpoint_[i], model_.tensors[i])});
  }
  return reads;
}

std::uint64_t CheckpointReads::resident_in_filter() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < of_checkpoint_.size(); ++i) {
    if (of_checkpoint_[i] == nullptr) continue;
    const TensorInfo& info = model_.tensors[i];
    const bool as_read = inputs_.requests == 1 && model_.weights_shared && !is_block_type(info.type);
    sum += as_read ? read_by_filter(*of_checkpoint_[i], info.bytes) : resident(*of_checkpoint_[i], info);
  }
  return sum;
}

namespace {

CheckpointReads reads_of_answer(const ClusterPlan& plan, const PlanInputs& inputs, RankId rank) {
  return {plan, inputs, inputs.answering(), rank, {plan.filters(rank) && !inputs.filter_model, plan.stage_of(rank)}};
}

}  // namespace

WeightReads::WeightReads(const ClusterPlan& plan, const PlanInputs& inputs, RankId rank)
    : inputs_(inputs), of_answer_(reads_of_answer(plan, inputs, rank)) {
  if (!inputs.filter_model) return;
  const CheckpointReads::Roles filter{plan.filters(rank), std::nullopt};
  of_filter_.emplace(plan, inputs, inputs.filtering(), rank, filter);
}

std::vector<ReadTensor> WeightReads::all() const {
  std::vector<ReadTensor> reads = of_answer_.all();
  if (!of_filter_) return reads;
  for (const ReadTensor& read : of_filter_->all()) reads.push_back({inputs_.tensors.size() + read.index, read.bytes});
  return reads;
}

std::uint64_t WeightReads::resident_in_filter() const {
  return of_answer_.resident_in_filter() + (of_filter_ ? of_filter_->resident_in_filter() : 0);
}

}  // namespace gemring

#include "distributed/pipeline/stage.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr std::int32_t kNone = -1;

std::size_t largest_shard(const std::vector<ZigzagShards>& chunks, int member) {
  std::int32_t largest = 1;
  for (const ZigzagShards& shards : chunks) largest = std::max(largest, shards.size(member));
  return static_cast<std::size_t>(largest);
}

}  // namespace

Stage::Stage(Communicator& world, Communicator& group, const ClusterPlan& plan, std::size_t index,
             const ModelConfig& config, const StageParts& parts, const StageOptions& options)
    : world_(world),
      group_(group),
      plan_(plan),
      index_(index),
      config_(config),
      parts_(parts),
      options_(options),
      chunks_(stage_shards(plan, index, options.prompt_tokens)),
      max_rows_(largest_shard(chunks_, group.member())),
      work_(config, max_rows_, queries_at_once(max_rows_, group.size())),
      x_(max_rows_ * static_cast<std::size_t>(config.hidden)) {
  for (const ZigzagShards& shards : chunks_) {
    const auto own = shards.positions(group.member());
    positions_.insert(positions_.end(), own.begin(), own.end());
  }
  const std::size_t prompt_rows = positions_.size();
  for (std::int32_t i = 0; i < options.max_new_tokens; ++i) positions_.emplace_back(options.prompt_tokens + i);
  const std::int32_t pass_tokens = options.prompt_tokens + options.max_new_tokens;
  rope_ = RopeTable(inverse_frequencies(config.rope, config.head_dim, pass_tokens), positions_,
                    static_cast<float>(config.rope.attention_factor));

  const auto new_tokens = static_cast<std::size_t>(options.max_new_tokens);
  const auto members = static_cast<std::size_t>(group.size());
  const StagePlan& stage = plan.stages[index];
  const KvShape shape{static_cast<std::size_t>(config.kv_heads), static_cast<std::size_t>(config.head_dim),
                      options.kv_type};
  cache_.emplace(shape, stage.first_layer, stage.layers(), prompt_rows + (new_tokens + members - 1) / members);
  attention_.emplace(*cache_, group_, chunks_,
                     StageAttentionOptions{.heads = static_cast<std::size_t>(config.heads),
                                           .message_type = options.message_type,
                                           .last_layer = LayerIndex(last() ? config.layers - 1 : kNone),
                                           .wanted_from = options.wanted_from,
                                           .decodes = options.max_new_tokens > 0});
  const auto hidden = static_cast<std::size_t>(config.hidden);
  if (!first()) {
    chunks_before_ = stage_shards(plan, index - 1, options.prompt_tokens);
    receiver_.emplace(world, plan.stages[index - 1].ranks, max_rows_, hidden, options.message_type);
  }
  if (!last()) {
    chunks_after_ = stage_shards(plan, index + 1, options.prompt_tokens);
    sender_.emplace(world, plan.stages[index + 1].ranks, max_rows_, hidden, options.message_type);
  }
}

std::vector<LinkMessage> Stage::messages_from(std::size_t chunk) const {
  return link_messages(chunks_[chunk], group_.member(), chunks_before_[chunk]);
}

std::vector<LinkMessage> Stage::messages_to(std::size_t chunk) const {
  return link_messages(chunks_[chunk], group_.member(), chunks_after_[chunk]);
}

// P(c): receive chunk c from the stage before.  C(c): this stage's layers on chunk c.  X(c): send its rows on.
//     C(c) needs P(c);  X(c) needs C(c);  so  X(c - 1) || C(c) || P(c + 1).
// BEFORE  stage 0: chunk 2   stage 1: chunk 1   stage 2: chunk 0
// AFTER   stage 0: chunk 3   stage 1: chunk 2   stage 2: chunk 1
void Stage::prefill(std::span<const TokenId> ids, std::span<float> logits, const Progress& progress) {
  if (receiver_) receiver_->post(messages_from(0));
  std::size_t done_rows = 0;
  const auto total = static_cast<std::int32_t>(chunks_.size()) * parts_.layers->size();
  for (std::size_t c = 0; c < chunks_.size(); ++c) {
    const auto own =
        std::span(positions_).subspan(done_rows, static_cast<std::size_t>(chunks_[c].size(group_.member())));
    const auto rows = x(own.size());
    if (receiver_) {
      if (c + 1 < chunks_.size()) receiver_->post(messages_from(c + 1));
      receiver_->take(rows);
    } else {
      parts_.embedding->gather(ids, own, rows);
    }
    std::size_t wanted = own.size();
    if (last())
      wanted -= static_cast<std::size_t>(std::lower_bound(own.begin(), own.end(), options_.wanted_from) - own.begin());
    const auto before = static_cast<std::int32_t>(c) * parts_.layers->size();
    parts_.layers->forward(rows, {own, rope_.rows(done_rows, done_rows + own.size())}, wanted,
                           attention_->begin_chunk(c), work_, [&](std::int32_t layers) {
                             if (progress) progress(before + layers, total);
                           });
    if (sender_)
      sender_->send(rows, messages_to(c));
    else
      give_logits(c, logits);
    done_rows += own.size();
  }
  if (sender_) sender_->finish();
}

void Stage::give_logits(std::size_t chunk, std::span<float> logits) {
  const auto vocab = static_cast<std::size_t>(config_.vocab);
  for (const PositionRange& piece : logit_pieces(chunks_[chunk], group_.member(), options_.wanted_from)) {
    const auto count = static_cast<std::size_t>(piece.size());
    const std::size_t first_row = chunks_[chunk].local(piece.begin).index();
    const auto rows = x(first_row + count).rows(first_row, first_row + count);
    const auto target = static_cast<std::size_t>(piece.begin - options_.wanted_from);
    put_or_send_logits(rows, logits.empty() ? logits : logits.subspan(target * vocab));
  }
}

void Stage::put_or_send_logits(MatrixView<float> rows, std::span<float> target) {
  const auto vocab = static_cast<std::size_t>(config_.vocab);
  const std::size_t size = rows.rows() * vocab;
  if (!target.empty()) return parts_.head->logits(rows, {target.data(), rows.rows(), vocab}, work_);
  if (logits_.size() < size) logits_ = Buffer<float>(size);
  parts_.head->logits(rows, {logits_.data(), rows.rows(), vocab}, work_);
  send<float>(world_, logits_.span().first(size), 0, MessageKind::logits).wait();
}

void Stage::decode(GlobalPosition position, TokenId token, std::span<float> logits) {
  const bool computes = group_.member() == 0;
  const auto rows = x(computes ? 1 : 0);
  const std::vector<LinkMessage> one_row = {{0, {{0, 1}}}};  // between the first ranks of two stages
  if (computes && first()) parts_.embedding->gather(std::span(&token, 1), rows);
  if (computes && receiver_) {
    receiver_->post(one_row);
    receiver_->take(rows);
  }
  const std::size_t at = positions_.size() - static_cast<std::size_t>(options_.max_new_tokens) +
                         static_cast<std::size_t>(position.value() - options_.prompt_tokens);
  GEMRING_CHECK(positions_[at] == position, "position {} at row {}", position.value(), at);
  const StepRows step{std::span(positions_).subspan(at, rows.rows()), rope_.rows(at, at + rows.rows())};
  parts_.layers->forward(rows, step, rows.rows(), attention_->begin_token(position), work_);
  if (!computes) return;
  if (sender_) {
    sender_->send(rows, one_row);
  } else {
    put_or_send_logits(rows, logits);
  }
}

}  // namespace gemring

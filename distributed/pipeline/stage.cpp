#include "distributed/pipeline/stage.h"

#include <algorithm>

#include "distributed/pipeline/logit_rows.h"
#include "engine/base/check.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"

namespace gemring {

Stage::Stage(Communicator& world, Communicator& group, const ClusterPlan& plan, std::size_t index,
             const ModelConfig& config, const StageParts& parts, const StageOptions& options, std::size_t max_batch)
    : world_(world),
      group_(group),
      plan_(plan),
      index_(index),
      config_(config),
      parts_(parts),
      options_(options),
      max_batch_(max_batch),
      batch_ropes_(config, max_batch) {}

void Stage::make_room(const StageSequence& sequence) {
  const std::size_t rows = std::max(sequence.largest_step(), max_batch_);
  if (rows <= max_rows_) return;
  max_rows_ = rows;
  // The old ones first: a longer sequence is no reason to hold both. Links wait for what is under way.
  work_.reset();
  x_ = {};
  receiver_.reset();
  sender_.reset();
  work_.emplace(config_, max_rows_, queries_at_once(max_rows_, group_.size()), max_batch_);
  const auto hidden = static_cast<std::size_t>(config_.hidden);
  x_ = Buffer<float>(max_rows_ * hidden);
  if (!first())
    receiver_.emplace(world_, plan_.stages[index_ - 1].ranks, max_rows_, hidden, options_.ring.message_type);
  if (!last()) sender_.emplace(world_, plan_.stages[index_ + 1].ranks, max_rows_, hidden, options_.ring.message_type);
}

// P(c): receive chunk c from the stage before.  C(c): this stage's layers on chunk c.  X(c): send its rows on.
//     C(c) needs P(c);  X(c) needs C(c);  so  X(c - 1) || C(c) || P(c + 1).
// BEFORE  stage 0: chunk 2   stage 1: chunk 1   stage 2: chunk 0
// AFTER   stage 0: chunk 3   stage 1: chunk 2   stage 2: chunk 1
// The last chunks may still be under way when this returns: the next sequence's first ones follow them.
void Stage::prefill(SequenceId id, const SequenceOptions& options, std::span<const TokenId> ids,
                    std::span<float> logits, const Progress& progress) {
  std::optional<TraceSpan> set_up(std::in_place, "set up sequence", SpanKind::set_up, ids.size());
  const auto [place, is_new] = sequences_.try_emplace(id, group_, plan_, index_, config_, options_, options);
  GEMRING_CHECK(is_new, "sequence {} is under way already", id);
  StageSequence& sequence = place->second;
  make_room(sequence);
  set_up.reset();

  if (receiver_) receiver_->post(sequence.messages_from(0));
  const auto total = static_cast<std::int32_t>(sequence.chunk_count()) * parts_.layers->size();
  for (std::size_t c = 0; c < sequence.chunk_count(); ++c) {
    mark_chunk(static_cast<std::int32_t>(c));
    const StepRows step = sequence.chunk_rows(c);
    const auto rows = x(step.positions.size());
    if (receiver_) {
      if (c + 1 < sequence.chunk_count()) receiver_->post(sequence.messages_from(c + 1));
      receiver_->take(rows);
    } else {
      parts_.embedding->gather(ids, step.positions, rows);
    }
    std::size_t wanted = rows.rows();
    if (last()) {
      const auto from = std::lower_bound(step.positions.begin(), step.positions.end(), options.wanted_from);
      wanted -= static_cast<std::size_t>(from - step.positions.begin());
    }
    const auto before = static_cast<std::int32_t>(c) * parts_.layers->size();
    parts_.layers->forward(rows, step, wanted, sequence.attention().begin_chunk(c), *work_, [&](std::int32_t layers) {
      if (progress) progress(before + layers, total);
    });
    if (sender_)
      sender_->send(rows, sequence.messages_to(c));
    else
      give_logits(sequence, c, logits);
  }
  sequence.attention().end_prompt();
}

void Stage::give_logits(const StageSequence& sequence, std::size_t chunk, std::span<float> logits) {
  const auto vocab = static_cast<std::size_t>(config_.vocab);
  const ZigzagShards& shards = sequence.chunk(chunk);
  const GlobalPosition wanted_from = sequence.options().wanted_from;
  for (const PositionRange& piece : logit_pieces(shards, group_.member(), wanted_from)) {
    const auto count = static_cast<std::size_t>(piece.size());
    const std::size_t first_row = shards.local(piece.begin).index();
    const auto rows = x(first_row + count).rows(first_row, first_row + count);
    const auto target = static_cast<std::size_t>(piece.begin - wanted_from);
    put_or_send_logits(rows, logits.empty() ? logits : logits.subspan(target * vocab));
  }
}

void Stage::put_or_send_logits(MatrixView<float> rows, std::span<float> target) {
  const auto vocab = static_cast<std::size_t>(config_.vocab);
  const std::size_t size = rows.rows() * vocab;
  if (!target.empty()) return parts_.head->logits(rows, {target.data(), rows.rows(), vocab}, *work_);
  LogitMessage& message = logit_messages_[next_logit_message_++ % logit_messages_.size()];
  message.sending.wait();
  if (message.rows.size() < size) message.rows = Buffer<float>(size);
  parts_.head->logits(rows, {message.rows.data(), rows.rows(), vocab}, *work_);
  message.sending = send<float>(world_, message.rows.span().first(size), 0, MessageKind::logits);
}

StepRows Stage::batch_rows(std::span<const DecodeRow> rows) {
  batch_positions_.clear();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const StepRows one = sequences_.at(rows[i].sequence).token_row(rows[i].position);
    batch_positions_.push_back(rows[i].position);
    batch_ropes_.copy_row(i, *one.ropes, one.first_row);
  }
  return {batch_positions_, &batch_ropes_, 0};
}

void Stage::decode(std::span<const DecodeRow> rows, std::span<float> logits) {
  GEMRING_CHECK(!rows.empty() && rows.size() <= max_batch_, "{} rows, {} at most", rows.size(), max_batch_);
  const bool computes = group_.member() == 0;
  const auto activations = x(computes ? rows.size() : 0);
  const std::vector<LinkMessage> all_rows = {{0, {{0, rows.size()}}}};  // between the first ranks of two stages
  if (computes && first()) {
    std::vector<TokenId> tokens;
    for (const DecodeRow& row : rows) tokens.push_back(row.token);
    parts_.embedding->gather(tokens, activations);
  }
  if (computes && receiver_) {
    receiver_->post(all_rows);
    receiver_->take(activations);
  }
  std::vector<Attention*> each;
  for (const DecodeRow& row : rows) {
    each.push_back(&sequences_.at(row.sequence).attention().begin_token(row.position));
  }
  batch_.begin(std::move(each), computes);
  StepRows step = batch_rows(rows);
  if (!computes) step = step.part(0, 0);
  work_->linear().set_rows(LinearScratch::Rows::alone);
  parts_.layers->forward(activations, step, activations.rows(), batch_, *work_);
  if (computes && sender_) sender_->send(activations, all_rows);
  if (computes && last()) put_or_send_logits(activations, logits);
  work_->linear().set_rows(LinearScratch::Rows::together);
}

void Stage::release(SequenceId sequence) {
  sequences_.erase(sequence);
}

}  // namespace gemring

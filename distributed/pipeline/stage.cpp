#include "distributed/pipeline/stage.h"

#include <algorithm>
#include <utility>

#include "distributed/pipeline/logit_rows.h"
#include "engine/base/check.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

/// Of a decode step, between the first ranks of two stages.
std::vector<LinkMessage> token_messages(std::size_t rows) {
  return {{0, {{0, rows}}}};
}

}  // namespace

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
  GEMRING_CHECK(!expected_, "a message is awaited in a buffer that goes");
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

void Stage::begin(SequenceId id, const SequenceOptions& options) {
  const TraceSpan set_up("set up sequence", SpanKind::set_up, static_cast<std::size_t>(options.prompt_tokens));
  GEMRING_CHECK(sequences_.size() < max_batch_, "{} sequences are under way", sequences_.size());
  const auto [place, is_new] = sequences_.try_emplace(id, group_, plan_, index_, config_, options_, options);
  GEMRING_CHECK(is_new, "sequence {} is under way already", id);
  make_room(place->second);
}

void Stage::post(std::vector<LinkMessage> messages) {
  receiver_->post(std::move(messages));
  expected_ = true;
}

void Stage::expect_chunk(SequenceId sequence, std::int32_t chunk) {
  if (receiver_ && !expected_) post(sequences_.at(sequence).messages_from(static_cast<std::size_t>(chunk)));
}

void Stage::expect_tokens(std::size_t rows) {
  if (receiver_ && !expected_ && group_.member() == 0) post(token_messages(rows));
}

void Stage::receive(std::vector<LinkMessage> messages, MatrixView<float> x, const Ahead& ahead) {
  if (!std::exchange(expected_, false)) receiver_->post(std::move(messages));
  if (ahead) ahead();
  receiver_->take(x);
}

// P(c): receive chunk c from the stage before.  C(c): this stage's layers on chunk c.  X(c): send its rows on.
//     C(c) needs P(c);  X(c) needs C(c);  so  X(c - 1) || C(c) || P(c + 1).
// BEFORE  stage 0: chunk 2   stage 1: chunk 1   stage 2: chunk 0
// AFTER   stage 0: chunk 3   stage 1: chunk 2   stage 2: chunk 1
// X(c) may still be under way when this returns; P(c + 1) is posted by `ahead` where rank 0 has asked for it already.
void Stage::prefill(SequenceId id, std::int32_t chunk, std::span<const TokenId> ids, std::span<float> logits,
                    const Ahead& ahead, const Progress& progress) {
  StageSequence& sequence = sequences_.at(id);
  const auto c = static_cast<std::size_t>(chunk);
  mark_chunk(chunk);
  const StepRows step = sequence.chunk_rows(c);
  const auto rows = x(step.positions.size());
  if (receiver_)
    receive(sequence.messages_from(c), rows, ahead);
  else
    gather_chunk(sequence.chunk(c), step.positions, ids, rows);
  std::size_t wanted = rows.rows();
  if (last()) {
    const GlobalPosition wanted_from = sequence.options().wanted_from;
    const auto from = std::lower_bound(step.positions.begin(), step.positions.end(), wanted_from);
    wanted -= static_cast<std::size_t>(from - step.positions.begin());
  }
  const std::int32_t layers = parts_.layers->size();
  const auto total = static_cast<std::int32_t>(sequence.chunk_count()) * layers;
  parts_.layers->forward(rows, step, wanted, sequence.attention().begin_chunk(c), *work_, [&](std::int32_t done) {
    if (progress) progress(chunk * layers + done, total);
  });
  if (sender_)
    sender_->send(rows, sequence.messages_to(c));
  else
    give_logits(sequence, c, logits);
  if (c + 1 == sequence.chunk_count()) sequence.attention().end_prompt();
}

void Stage::gather_chunk(const ZigzagShards& shards, std::span<const GlobalPosition> positions,
                         std::span<const TokenId> ids, MatrixView<float> rows) const {
  GEMRING_CHECK(ids.size() == static_cast<std::size_t>(shards.range().size()), "{} ids of a chunk of {}", ids.size(),
                shards.range().size());
  std::vector<TokenId> own;
  own.reserve(positions.size());
  for (const GlobalPosition position : positions)
    own.push_back(ids[static_cast<std::size_t>(position - shards.range().begin)]);
  parts_.embedding->gather(own, rows);
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

void Stage::decode(std::span<const DecodeRow> rows, std::span<float> logits, const Ahead& ahead) {
  GEMRING_CHECK(!rows.empty() && rows.size() <= max_batch_, "{} rows, {} at most", rows.size(), max_batch_);
  const bool computes = group_.member() == 0;
  const auto activations = x(computes ? rows.size() : 0);
  if (computes && first()) {
    std::vector<TokenId> tokens;
    for (const DecodeRow& row : rows) tokens.push_back(row.token);
    parts_.embedding->gather(tokens, activations);
  }
  if (computes && receiver_)
    receive(token_messages(rows.size()), activations, ahead);
  else if (receiver_ && ahead)
    ahead();
  std::vector<Attention*> each;
  for (const DecodeRow& row : rows) {
    each.push_back(&sequences_.at(row.sequence).attention().begin_token(row.position));
  }
  batch_.begin(std::move(each), computes);
  StepRows step = batch_rows(rows);
  if (!computes) step = step.part(0, 0);
  work_->linear().set_rows(LinearScratch::Rows::alone);
  parts_.layers->forward(activations, step, activations.rows(), batch_, *work_);
  if (computes && sender_) sender_->send(activations, token_messages(rows.size()));
  if (computes && last()) put_or_send_logits(activations, logits);
  work_->linear().set_rows(LinearScratch::Rows::together);
}

void Stage::release(SequenceId sequence) {
  sequences_.erase(sequence);
}

}  // namespace gemring

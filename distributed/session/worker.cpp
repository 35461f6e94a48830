#include "distributed/session/worker.h"

#include <utility>

#include "distributed/session/filter.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"
#include "engine/selection/selector.h"

namespace gemring {

Worker::Worker(const RankParts& rank, std::int32_t sequences, Coordinator* coordinator, PhaseClock& clock)
    : rank_(rank), coordinator_(coordinator), clock_(clock) {
  if (coordinator == nullptr) receiver_.emplace(rank.world);
  const auto stage = rank.plan.stage_of(RankId(rank.world.member()));
  if (!stage) return;
  const StageParts parts{.layers = &*rank.model.stage_layers,
                         .embedding = rank.model.embedding ? &*rank.model.embedding : nullptr,
                         .head = rank.model.head ? &*rank.model.head : nullptr};
  stage_.emplace(rank.world, *rank.stage_group, rank.plan, *stage, rank.config, parts,
                 StageOptions{rank.options.kv_type, rank.options.ring}, static_cast<std::size_t>(sequences));
}

OwnWork Worker::next() {
  if (coordinator_ == nullptr) return {.work = receiver_->next()};
  double waited = 0;
  OwnWork own = coordinator_->take_own(waited);
  clock_.add_wait(waited);
  return own;
}

void Worker::run(const Prefilled& prefilled) {
  for (;;) {
    OwnWork own = next();
    for (const SequenceId sequence : own.work.finished) {
      if (stage_) stage_->release(sequence);
    }
    switch (own.work.kind) {
      case Work::Kind::filter:
        filter(own);
        break;
      case Work::Kind::prefill:
        if (prefilled) prefilled(own.work.sequence, own.work.compressed.kept);
        prefill(own);
        break;
      case Work::Kind::decode:
        decode(own);
        break;
      case Work::Kind::end:
        return;
    }
  }
}

void Worker::filter(const OwnWork& own) {
  ComputeOptions options = rank_.options;
  options.ring = on_links(options.ring, rank_.plan.group_links(rank_.plan.filter_group));
  clock_.begin("filter");
  mark_request(own.work.sequence);
  if (rank_.filter_group == nullptr) return;
  const GenerationRequest* const request = own.request.get();
  const FilterParts parts{
      .embedding = &*rank_.model.embedding, .layers = rank_.model.filter_layers, .scoring = &*rank_.model.scoring};
  const std::span<const TokenId> prompt = request == nullptr ? std::span<const TokenId>() : request->prompt;
  std::vector<float> scores =
      gemring::filter(*rank_.filter_group, rank_.config, parts, options, prompt,
                      rank_.plan.filter_shards(own.work.prompt_tokens), [&](double done, double total) {
                        if (request != nullptr && request->on_progress) request->on_progress("filter", done, total);
                      });
  if (request == nullptr) return;
  clock_.begin("select");
  CompressedPrompt compressed;
  {
    const TraceSpan span("select", SpanKind::other, prompt.size());
    compressed = compress(prompt, make_selector(request->selection)->select({.scores = scores}));
  }
  coordinator_->filtered(own.work.sequence, std::move(scores), std::move(compressed));
}

void Worker::prefill(OwnWork& own) {
  clock_.begin("prefill");
  const Work& work = own.work;
  mark_request(own.work.sequence);
  if (!stage_) return;
  const GenerationRequest* const request = own.request.get();
  stage_->prefill(work.sequence, work.options, work.compressed.ids, own.logits,
                  [&](std::int32_t done, std::int32_t total) {
                    if (request != nullptr && request->on_progress) request->on_progress("prefill", done, total);
                  });
  say_computed(own);
}

void Worker::decode(OwnWork& own) {
  clock_.begin("decode");
  mark_request(own.work.rows.front().sequence);
  mark_position(own.work.rows.front().position.value());
  if (!stage_) return;
  stage_->decode(own.work.rows, own.logits);
  say_computed(own);
}

void Worker::say_computed(const OwnWork& own) {
  if (own.step != 0) coordinator_->computed(own.step);
}

}  // namespace gemring

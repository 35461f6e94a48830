#include "distributed/session/worker.h"

#include <utility>

#include "engine/base/check.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"
#include "engine/selection/fitted_selection.h"
#include "engine/selection/selector.h"

namespace gemring {
namespace {

FilterParts filter_parts(const ModelParts& model, const FilterProfile& profile) {
  return {.embedding = model.filter_embedding.get(),
          .layers = model.filter_layers,
          .scoring = model.scoring,
          .profile = &profile};
}

}  // namespace

Worker::Worker(const RankParts& rank, std::int32_t sequences, Coordinator* coordinator, EventQueue* events,
               PhaseClock& clock)
    : rank_(rank), coordinator_(coordinator), events_(events), clock_(clock), filter_options_(rank.options) {
  if (coordinator == nullptr) receiver_.emplace(rank.world);
  if (rank.filter_group != nullptr) {
    filter_parts_ = filter_parts(rank.model, rank.filter);
    filter_options_.ring = on_links(filter_options_.ring, rank.plan.group_links(rank.plan.filter_group));
  }
  const auto stage = rank.plan.stage_of(RankId(rank.world.member()));
  if (!stage) return;
  const StageParts parts{.layers = &*rank.model.stage_layers,
                         .embedding = rank.model.embedding.get(),
                         .head = rank.model.head ? &*rank.model.head : nullptr};
  stage_.emplace(rank.world, *rank.stage_group, rank.plan, *stage, rank.config, parts,
                 StageOptions{rank.options.kv_type, rank.options.ring}, static_cast<std::size_t>(sequences));
}

LocalStep Worker::next() {
  if (coordinator_ == nullptr) return {.step = receiver_->next()};
  double waited = 0;
  LocalStep local = coordinator_->local_steps().take(waited);
  clock_.add_wait(waited);
  return local;
}

void Worker::run() {
  for (;;) {
    LocalStep local = next();
    switch (local.step.kind) {
      case Step::Kind::filter:
        filter(local);
        break;
      case Step::Kind::prefill:
        prefill(local);
        break;
      case Step::Kind::decode:
        decode(local);
        break;
      case Step::Kind::store:
        store(local);
        break;
      case Step::Kind::restore:
        restore(local);
        break;
      case Step::Kind::release:
        release(local.step.sequence);
        break;
      case Step::Kind::shutdown:
        GEMRING_CHECK(passes_.empty() && (!stage_ || stage_->sequences() == 0),
                      "{} filter passes and {} sequences were not released", passes_.size(),
                      stage_ ? stage_->sequences() : 0);
        return;
    }
  }
}

void Worker::expect_next() {
  if (coordinator_ != nullptr) {
    coordinator_->local_steps().peek([&](const Step& step) { expect(step); });
  } else if (const Step* const step = receiver_->peek()) {
    expect(*step);
  }
}

void Worker::expect(const Step& step) {
  if (step.kind == Step::Kind::prefill && step.part > 0) stage_->expect_chunk(step.sequence, step.part);
  if (step.kind == Step::Kind::decode) stage_->expect_tokens(step.rows.size());
}

void Worker::filter(const LocalStep& local) {
  const Step& step = local.step;
  clock_.begin("filter");
  mark_request(step.sequence);
  if (rank_.filter_group == nullptr) return;
  for (auto& [sequence, other] : passes_) {
    if (sequence != step.sequence) other->wait();
  }
  const GenerationRequest* const request = local.request.get();
  auto pass = passes_.find(step.sequence);
  if (step.part == 0) {
    const KeptReading* const before = step.reading.from == 0 ? nullptr : &readings_.at(step.reading.from);
    const std::span<const TokenId> prompt = request == nullptr ? std::span<const TokenId>() : request->prompt;
    pass = passes_
               .emplace(step.sequence, make_filter_pass(*rank_.filter_group, rank_.filter_config, filter_parts_,
                                                        filter_options_, rank_.plan, step.prompt_tokens,
                                                        step.question_span, prompt, step.reading, before))
               .first;
  }
  const std::int32_t steps =
      filter_steps(rank_.filter, rank_.plan, rank_.options, step.prompt_tokens, step.reading.from_chunk);
  const std::int32_t last = steps - 1;
  if (step.part < last) {
    pass->second->run_step([&](double share) { show(local, "filter", step.part + share, last); });
    return report(local);
  }
  const std::vector<float> columns = pass->second->score();
  for (const std::uint64_t reading : step.reading.drop) readings_.erase(reading);
  if (step.reading.keep_as != 0) readings_.emplace(step.reading.keep_as, pass->second->kept());
  passes_.erase(pass);
  if (request == nullptr) return;
  clock_.begin("select");
  coordinator_->filtered(step.sequence, select(*request, combine_scores(columns, step.prompt_tokens, rank_.filter)));
  report(local);
}

void Worker::store(const LocalStep& local) {
  clock_.begin("filter");
  if (rank_.filter_group == nullptr) return;
  const TraceSpan span("store reading", SpanKind::other);
  const std::int32_t chunks = local.step.reading.keep_chunks, chunk = filter_options_.filter_chunk;
  ReadingSink* const sink = local.request ? local.request->store.get() : nullptr;
  store_reading(*rank_.filter_group, rank_.plan.filter_deal((chunks + 1) * chunk, chunk),
                reading_layout(rank_.filter_config, rank_.filter, filter_options_), chunks,
                readings_.at(local.step.reading.from), sink);
  if (sink != nullptr) sink->end();
  report(local);
}

void Worker::restore(const LocalStep& local) {
  clock_.begin("filter");
  if (rank_.filter_group == nullptr) return;
  const TraceSpan span("restore reading", SpanKind::other);
  const ReadingOrder& reading = local.step.reading;
  const std::int32_t chunk = filter_options_.filter_chunk;
  for (const std::uint64_t dropped : reading.drop) readings_.erase(dropped);
  readings_.emplace(
      reading.keep_as,
      restore_reading(*rank_.filter_group, rank_.plan.filter_deal((reading.keep_chunks + 1) * chunk, chunk),
                      reading_layout(rank_.filter_config, rank_.filter, filter_options_), reading.keep_chunks,
                      local.request ? local.request->stored.get() : nullptr));
}

FilterOutcome Worker::select(const GenerationRequest& request, std::vector<float> scores) const {
  const TraceSpan span("select", SpanKind::other, request.prompt.size());
  FilterOutcome outcome;
  try {
    outcome.compressed = request.reading
                             ? fitted_selection(scores, request.selection, request.reading)
                             : compress(request.prompt, make_selector(request.selection)->select({.scores = scores}));
  } catch (const InternalError& error) {  // scores that are no numbers: of this request alone
    outcome.error = Error(ExitCode::internal, {"selection", error.what(), kOverflowAdvice});
  } catch (const Error& error) {  // no room for what is kept in any case
    outcome.error = Error(error.code(), error.text());
  }
  outcome.scores = std::move(scores);
  return outcome;
}

void Worker::prefill(LocalStep& local) {
  const Step& step = local.step;
  clock_.begin("prefill");
  mark_request(step.sequence);
  if (!stage_) return;
  if (step.part == 0) stage_->begin(step.sequence, step.options);
  stage_->prefill(
      step.sequence, step.part, step.ids, local.logits, [&] { expect_next(); },
      [&](std::int32_t done, std::int32_t total) { show(local, "prefill", done, total); });
  const bool reports = rank_.world.member() == rank_.plan.stages.back().ranks.front().value();
  if (reports && coordinator_ == nullptr) {
    send(rank_.world, std::span<const std::uint64_t>(&step.id, 1), 0, MessageKind::control).wait();
  }
  report(local);
}

void Worker::decode(LocalStep& local) {
  const Step& step = local.step;
  clock_.begin("decode");
  mark_request(step.rows.front().sequence);
  mark_position(step.rows.front().position.value());
  if (!stage_) return;
  stage_->decode(step.rows, local.logits, [&] { expect_next(); });
  report(local);
}

void Worker::release(SequenceId sequence) {
  passes_.erase(sequence);
  if (stage_) stage_->release(sequence);
}

void Worker::report(const LocalStep& local) {
  if (local.reports) coordinator_->computed(local.step.id);
}

void Worker::show(const LocalStep& local, std::string_view phase, double done, double total) {
  if (events_ != nullptr && local.request->on_progress)
    events_->show({local.request, Event::Progress{phase, done, total}});
}

}  // namespace gemring

// What the coordinator does with each step: begins it, and takes what it gave.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "distributed/session/coordinator.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/selection/asking_tokens.h"

namespace gemring {
namespace {

CompressedPrompt everything(std::span<const TokenId> prompt) {
  CompressedPrompt whole{{}, {prompt.begin(), prompt.end()}};
  for (std::size_t i = 0; i < prompt.size(); ++i) whole.kept.emplace_back(i);
  return whole;
}

}  // namespace

void Coordinator::begin(const Scheduler::Choice& choice) {
  StepUnderWay& under_way = under_way_.emplace_back();
  under_way.id = next_step_++;
  under_way.choice = choice;
  Step step;
  LocalStep local;
  switch (choice.kind) {
    case Scheduler::Kind::filter:
      step = filter_step(under_way);
      break;
    case Scheduler::Kind::prefill:
      step = prefill_step(under_way);
      break;
    case Scheduler::Kind::decode:
      step = decode_step(under_way);
      local.logits = under_way.logits.span();
      break;
  }
  step.id = under_way.id;
  if (choice.kind != Scheduler::Kind::decode) {
    Active& active = active_.at(step.sequence);
    active.on_ranks = true;
    local.request = active.request;
    if (choice.kind == Scheduler::Kind::prefill) local.logits = active.logits.span();
  }
  std::optional<Step> behind;  // is over when the step is: what is stored is stored when the request goes on
  if (choice.kind == Scheduler::Kind::filter) behind = store_step(step, active_.at(step.sequence));
  local.reports = under_way.own_part_open && !behind;
  broadcaster_.broadcast(step);
  local.step = std::move(step);
  const auto request = local.request;
  local_.put(std::move(local));
  if (!behind) return;
  broadcaster_.broadcast(*behind);
  local_.put({.step = *std::move(behind), .request = request, .reports = true});
}

/// What was read elsewhere goes to the ranks, if that is more than they have of this prompt.
void Coordinator::restore(SequenceId sequence, const Active& active, std::int32_t usable, std::uint64_t angles) {
  if (!active.request->stored) return;
  const std::span<const TokenId> prompt = active.request->prompt;
  const ReadText& text = active.request->stored->text();
  const std::int32_t chunks = texts_->usable_chunks(text.ids, prompt, usable);
  if (text.angles != angles || chunks <= texts_->find(prompt, usable, angles).chunks) return;
  Step step{.kind = Step::Kind::restore, .sequence = sequence};
  step.reading.keep_chunks = static_cast<std::int32_t>(text.ids.size()) / model_.index->chunk;
  step.reading.keep_as = texts_->keep(text.ids, step.reading.keep_chunks, angles, step.reading.drop);
  if (step.reading.keep_as == 0) return;  // no room
  step.id = next_step_++;
  broadcaster_.broadcast(step);
  local_.put({.step = std::move(step), .request = active.request});
}

/// Behind the last step of a filter pass, where somebody wants what the ranks keep of it.
std::optional<Step> Coordinator::store_step(const Step& last, const Active& active) {
  if (!active.request->store || !texts_ || last.part + 1 != active.filter_steps) return std::nullopt;
  const std::vector<TokenId>& prompt = active.request->prompt;
  const std::uint64_t angles = model_.angles(static_cast<std::int32_t>(prompt.size()));
  const std::int32_t tokens = active.reading.keep_chunks * model_.index->chunk;
  const TextDirectory::Found found = texts_->find(prompt, tokens, angles);
  if (found.chunks == 0 || found.chunks < active.reading.keep_chunks) return std::nullopt;
  active.request->store->begin({{prompt.begin(), prompt.begin() + tokens}, angles});
  Step step{.kind = Step::Kind::store, .id = last.id, .sequence = last.sequence};
  step.reading.from = found.reading;
  step.reading.keep_chunks = found.chunks;
  return step;
}

/// What of the prompt was read before, and what may be kept of it: whole chunks, but for the question at its end, which
/// asks and which is another one next time.
void Coordinator::begin_filter(SequenceId sequence, Active& active, std::int32_t question_span) {
  if (!texts_) return;
  const GenerationRequest& request = *active.request;
  const auto tokens = static_cast<std::int32_t>(request.prompt.size());
  std::int32_t usable = tokens - question_span;
  if (const auto& forced = request.selection.forced; !forced.empty() && forced.back().end == tokens)
    usable = std::min(usable, forced.back().begin);
  usable = std::max(usable, 0);
  const std::uint64_t angles = model_.angles(tokens);
  restore(sequence, active, usable, angles);
  const TextDirectory::Found found = texts_->find(request.prompt, usable, angles);
  active.reading = {.from = found.reading, .from_chunk = found.chunks, .keep_chunks = usable / model_.index->chunk};
  active.result.reused_tokens = found.chunks * model_.index->chunk;
  if (found.chunks == 0) return;
  active.filter_steps = model_.filter_steps(tokens, found.chunks);
  scheduler_.set_filter_steps(sequence, active.filter_steps);
}

Step Coordinator::filter_step(StepUnderWay& under_way) {
  const SequenceId sequence = under_way.choice.requests.front();
  Active& active = active_.at(sequence);
  if (under_way.choice.part == 0) {
    active.begin = steady_seconds();
    show(active, "filter", 0, 1);  // what is left is estimated from here on
  }
  under_way.own_part_open = true;  // the first rank of the filter group is rank 0
  const auto tokens = static_cast<std::int32_t>(active.request->prompt.size());
  const std::int32_t span = question_span(active.request->selection, tokens);
  if (under_way.choice.part == 0) begin_filter(sequence, active, span);
  if (texts_ && under_way.choice.part + 1 == active.filter_steps) {
    ReadingOrder& reading = active.reading;
    reading.keep_as = texts_->keep(active.request->prompt, reading.keep_chunks, model_.angles(tokens), reading.drop);
  }
  return {.kind = Step::Kind::filter,
          .sequence = sequence,
          .part = under_way.choice.part,
          .prompt_tokens = tokens,
          .question_span = span,
          .reading = active.reading};
}

void Coordinator::prepare_prefill(Active& active) {
  if (active.compressed.ids.empty()) {  // without a filter pass
    active.begin = steady_seconds();
    active.compressed = everything(active.request->prompt);
  }
  const auto tokens = static_cast<std::int32_t>(active.compressed.ids.size());
  active.wanted_from = GlobalPosition(tokens - std::min(tokens, wanted_rows_));
  active.last_stage = plan_.stage_shards(plan_.stages.size() - 1, tokens);
  active.logits = Buffer<float>(static_cast<std::size_t>(tokens - active.wanted_from.value()) * vocab_);
  GEMRING_CHECK(active.last_stage.size() == active.chunks.size(), "{} tokens in {} chunks, planned were {}", tokens,
                active.last_stage.size(), active.chunks.size());
}

Step Coordinator::prefill_step(StepUnderWay& under_way) {
  const SequenceId sequence = under_way.choice.requests.front();
  Active& active = active_.at(sequence);
  const auto chunk = static_cast<std::size_t>(under_way.choice.part);
  if (chunk == 0) {
    prepare_prefill(active);
    show(active, "prefill", 0, 1);
  }
  const RankId reporter = plan_.stages.back().ranks.front();
  under_way.own_part_open = plan_.stage_of(RankId(0)) == plan_.stages.size() - 1;
  if (reporter != RankId(0)) {
    under_way.report = receive(world_, std::span(&under_way.reported, 1), reporter.value(), MessageKind::control);
  }
  under_way.of_prefill.emplace(world_, plan_.stages.back().ranks, active.last_stage[chunk], active.wanted_from,
                               active.logits.span(), vocab_);
  const std::vector<TokenId>& ids = active.compressed.ids;
  const PositionRange& range = active.chunks[chunk];
  return {.kind = Step::Kind::prefill,
          .sequence = sequence,
          .part = under_way.choice.part,
          .options = {static_cast<std::int32_t>(ids.size()), active.request->stop.max_new_tokens, active.wanted_from},
          .ids = {ids.begin() + range.begin.value(), ids.begin() + range.end.value()}};
}

Step Coordinator::decode_step(StepUnderWay& under_way) {
  const std::vector<SequenceId>& sequences = under_way.choice.requests;
  under_way.logits = Buffer<float>(sequences.size() * vocab_);
  const RankId sender = plan_.stages.back().ranks.front();
  under_way.own_part_open = sender == RankId(0);
  if (!under_way.own_part_open) {
    under_way.of_decode = receive(world_, under_way.logits.span(), sender.value(), MessageKind::logits);
  }
  Step step{.kind = Step::Kind::decode};
  for (const SequenceId sequence : sequences) {
    const Active& active = active_.at(sequence);
    step.rows.push_back({sequence, last_position(active), active.result.generated_ids.back()});
  }
  return step;
}

void Coordinator::end_step(StepUnderWay& step) {
  const Scheduler::Choice& choice = step.choice;
  scheduler_.ended(choice);
  for (std::size_t row = 0; row < choice.requests.size(); ++row) {
    const SequenceId sequence = choice.requests[row];
    Active& active = active_.at(sequence);
    if (active.ending) {
      end_if_idle(sequence);
    } else if (choice.kind == Scheduler::Kind::filter) {
      if (choice.part + 1 < active.filter_steps) continue;
      end_filter(sequence);
    } else if (choice.kind == Scheduler::Kind::prefill) {
      if (!plan_.stage_of(RankId(0))) {  // nobody here sees how far the others are
        show(active, "prefill", static_cast<double>(active.chunks_done + 1), static_cast<double>(active.chunks.size()));
      }
      if (++active.chunks_done == active.chunks.size()) end_prefill(sequence);
    } else {
      take_token(sequence, step.logits.span().subspan(row * vocab_, vocab_));
    }
  }
}

void Coordinator::show(const Active& active, std::string_view phase, double done, double total) {
  if (active.request->on_progress) events_.show({active.request, Event::Progress{phase, done, total}});
}

void Coordinator::end_filter(SequenceId sequence) {
  Active& active = active_.at(sequence);
  active.result.filter_seconds = steady_seconds() - active.begin;
  if (active.result.error) return fail(sequence, Error(*active.result.error));
  if (!active.request->only_filters) return;
  take_kept(active);
  end_early(sequence, StopReason::none);
}

void Coordinator::end_unfiltered(SequenceId sequence) {
  Active& active = active_.at(sequence);
  active.compressed = everything(active.request->prompt);
  take_kept(active);
  end_early(sequence, StopReason::none);
}

void Coordinator::take_kept(Active& active) {
  active.result.kept = std::move(active.compressed.kept);
  active.result.read_tokens = static_cast<std::int32_t>(active.compressed.ids.size());
}

void Coordinator::end_prefill(SequenceId sequence) {
  Active& active = active_.at(sequence);
  const GenerationRequest& asked = *active.request;
  GenerationResult& result = active.result;
  take_kept(active);
  active.first_token = steady_seconds();
  result.time_to_first_token_seconds = active.first_token - active.begin;
  result.prefill_tokens_per_second = result.prompt_tokens / result.time_to_first_token_seconds;
  if (asked.stop.max_new_tokens == 0) {
    const std::span<const float> logits = active.logits.span();
    const auto bad = std::find_if(logits.begin(), logits.end(), [](float logit) { return std::isnan(logit); });
    if (bad != logits.end()) {
      return fail(sequence, Error(ExitCode::internal,
                                  {"logits", fmt::format("number {} of {} is NaN", bad - logits.begin(), logits.size()),
                                   kOverflowAdvice}));
    }
    result.logits.assign(logits.begin(), logits.end());
    return end_early(sequence, StopReason::none);
  }
  active.sampler.emplace(asked.sampling, vocab_);
  active.sampler->set_known_tokens(asked.known_tokens > 0 ? asked.known_tokens : vocab_, asked.unknown_tokens);
  active.sampler->accept(asked.reading ? active.compressed.ids : asked.prompt);
  take_token(sequence, active.logits.span());
  const auto still = active_.find(sequence);
  if (still != active_.end()) still->second.logits = {};
}

GlobalPosition Coordinator::last_position(const Active& active) {
  return GlobalPosition(active.compressed.ids.size() + active.result.generated_ids.size() - 1);
}

void Coordinator::take_token(SequenceId sequence, std::span<float> logits) {
  Active& active = active_.at(sequence);
  const GenerationRequest& asked = *active.request;
  GenerationResult& result = active.result;
  TokenId token;
  try {
    token = active.sampler->sample(logits, last_position(active) + 1);
  } catch (const InternalError& error) {  // logits that are no numbers: of this request alone
    return fail(sequence,
                Error(ExitCode::internal, {fmt::format("token {} of the answer", result.generated_ids.size() + 1),
                                           error.what(), kOverflowAdvice}));
  }
  active.sampler->accept({&token, 1});
  result.generated_ids.push_back(token);
  events_.push({active.request, token});
  const StopReason reason = asked.stop.check(token, static_cast<std::int32_t>(result.generated_ids.size()));
  if (reason != StopReason::none) end_early(sequence, reason);
}

void Coordinator::fail(SequenceId sequence, const Error& error) {
  active_.at(sequence).result.error = error;
  end_early(sequence, StopReason::failed);
}

void Coordinator::end_early(SequenceId sequence, StopReason reason) {
  Active& active = active_.at(sequence);
  active.ending = true;
  active.result.stop_reason = reason;
  scheduler_.stop(sequence);
  end_if_idle(sequence);
}

void Coordinator::end_if_idle(SequenceId sequence) {
  if (!scheduler_.under_way(sequence)) end(sequence);
}

void Coordinator::end(SequenceId sequence) {
  Active active = std::move(active_.at(sequence));
  active_.erase(sequence);
  scheduler_.end(sequence);
  if (active.on_ranks) {
    const Step release{.kind = Step::Kind::release, .id = next_step_++, .sequence = sequence};
    broadcaster_.broadcast(release);
    local_.put({.step = release});
  }
  if (active.request->cancel) active.request->cancel->wake_with({});
  GenerationResult& result = active.result;
  const double now = steady_seconds();
  if (active.begin > 0) result.seconds = now - active.begin;
  const auto behind_first = static_cast<double>(result.generated_ids.size()) - 1;
  if (behind_first > 0) result.decode_tokens_per_second = behind_first / (now - active.first_token);
  events_.push({std::move(active.request), std::move(result)});
}

}  // namespace gemring

#include "distributed/session/step_broadcast.h"

#include <utility>

#include "distributed/comm/control.h"

namespace boost::serialization {

/// Without `ids`.
template <class Archive>
void save(Archive& archive, const gemring::Step& step, unsigned /*version*/) {
  const auto kind = static_cast<std::uint8_t>(step.kind);
  const std::int32_t wanted_from = step.options.wanted_from.value();
  std::vector<std::int32_t> rows;
  for (const gemring::DecodeRow& row : step.rows)
    rows.insert(rows.end(), {row.sequence, row.position.value(), row.token.value()});
  archive << kind << step.id << step.sequence << step.part << step.prompt_tokens << step.question_span
          << step.reading.from << step.reading.from_chunk << step.reading.keep_chunks << step.reading.keep_as
          << step.reading.drop << step.options.prompt_tokens << step.options.max_new_tokens << wanted_from << rows;
}

template <class Archive>
void load(Archive& archive, gemring::Step& step, unsigned /*version*/) {
  std::uint8_t kind = 0;
  std::int32_t wanted_from = 0;
  std::vector<std::int32_t> rows;
  archive >> kind >> step.id >> step.sequence >> step.part >> step.prompt_tokens >> step.question_span >>
      step.reading.from >> step.reading.from_chunk >> step.reading.keep_chunks >> step.reading.keep_as >>
      step.reading.drop >> step.options.prompt_tokens >> step.options.max_new_tokens >> wanted_from >> rows;
  step.kind = static_cast<gemring::Step::Kind>(kind);
  step.options.wanted_from = gemring::GlobalPosition(wanted_from);
  for (std::size_t i = 0; i + 2 < rows.size(); i += 3) {
    step.rows.push_back({rows[i], gemring::GlobalPosition(rows[i + 1]), gemring::TokenId(rows[i + 2])});
  }
}

template <class Archive>
void serialize(Archive& archive, gemring::Step& step, unsigned version) {
  split_free(archive, step, version);
}

}  // namespace boost::serialization

namespace gemring {
namespace {

std::vector<std::int32_t> numbers(const std::vector<TokenId>& ids) {
  std::vector<std::int32_t> values;
  values.reserve(ids.size());
  for (const TokenId id : ids) values.push_back(id.value());
  return values;
}

Step step_of(const Broadcast::Message& message) {
  Step step;
  from_archive(message.head, step);
  std::vector<std::int32_t> ids;
  if (message.body) from_archive(*message.body, ids);
  for (const std::int32_t id : ids) step.ids.emplace_back(id);
  return step;
}

}  // namespace

StepBroadcaster::StepBroadcaster(Communicator& world, const ClusterPlan& plan) : steps_(world.broadcast_stream()) {
  std::vector<int> first_stage;
  for (const RankId rank : plan.stages.front().ranks) first_stage.push_back(rank.value());
  readers_ = ranges_of(std::move(first_stage));
}

void StepBroadcaster::broadcast(const Step& step) {
  Broadcast::Message message{.head = to_archive(step)};
  if (step.kind != Step::Kind::prefill) return steps_->send(message, {});
  message.body = to_archive(numbers(step.ids));
  steps_->send(message, readers_);
}

const Step* StepReceiver::peek() {
  if (!ahead_) {
    if (const auto message = steps_->try_receive()) ahead_ = step_of(*message);
  }
  return ahead_ ? &*ahead_ : nullptr;
}

Step StepReceiver::next() {
  if (!ahead_) return step_of(steps_->receive());
  Step step = *std::move(ahead_);
  ahead_.reset();
  return step;
}

}  // namespace gemring

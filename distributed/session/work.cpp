#include "distributed/session/work.h"

#include <utility>

#include "distributed/comm/control.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/place.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

/// Of what every rank must hold alike.
std::uint64_t hash_of(const CompressedPrompt& compressed) {
  std::uint64_t hash = kFnvStart;
  for (std::size_t i = 0; i < compressed.ids.size(); ++i) {
    hash = fnv1a(compressed.kept[i].index(), hash);
    hash = fnv1a(compressed.ids[i].index(), hash);
  }
  return hash;
}

/// Index types as the numbers that they are.
template <class Index>
std::vector<std::int32_t> numbers(const std::vector<Index>& indices) {
  std::vector<std::int32_t> values;
  values.reserve(indices.size());
  for (const Index index : indices) values.push_back(static_cast<std::int32_t>(index.index()));
  return values;
}
template <class Index>
void assign(std::vector<Index>& indices, const std::vector<std::int32_t>& values) {
  indices.clear();
  indices.reserve(values.size());
  for (const std::int32_t value : values) indices.emplace_back(value);
}

}  // namespace
}  // namespace gemring

namespace boost::serialization {

template <class Archive>
void save(Archive& archive, const gemring::CompressedPrompt& compressed, unsigned /*version*/) {
  const auto kept = gemring::numbers(compressed.kept);
  const auto ids = gemring::numbers(compressed.ids);
  const std::uint64_t hash = gemring::hash_of(compressed);
  archive << kept << ids << hash;
}

template <class Archive>
void load(Archive& archive, gemring::CompressedPrompt& compressed, unsigned /*version*/) {
  std::vector<std::int32_t> kept, ids;
  std::uint64_t hash = 0;
  archive >> kept >> ids >> hash;
  gemring::assign(compressed.kept, kept);
  gemring::assign(compressed.ids, ids);
  GEMRING_CHECK(hash == gemring::hash_of(compressed), "other kept tokens arrived than rank 0 sent");
}

template <class Archive>
void serialize(Archive& archive, gemring::CompressedPrompt& compressed, unsigned version) {
  split_free(archive, compressed, version);
}

/// Without `compressed`.
template <class Archive>
void save(Archive& archive, const gemring::Work& work, unsigned /*version*/) {
  const auto kind = static_cast<std::uint8_t>(work.kind);
  const std::int32_t wanted_from = work.options.wanted_from.value();
  std::vector<std::int32_t> rows;
  for (const gemring::DecodeRow& row : work.rows)
    rows.insert(rows.end(), {row.sequence, row.position.value(), row.token.value()});
  archive << kind << work.sequence << work.prompt_tokens << work.options.prompt_tokens << work.options.max_new_tokens
          << wanted_from << rows << work.finished;
}

template <class Archive>
void load(Archive& archive, gemring::Work& work, unsigned /*version*/) {
  std::uint8_t kind = 0;
  std::int32_t wanted_from = 0;
  std::vector<std::int32_t> rows;
  archive >> kind >> work.sequence >> work.prompt_tokens >> work.options.prompt_tokens >> work.options.max_new_tokens >>
      wanted_from >> rows >> work.finished;
  work.kind = static_cast<gemring::Work::Kind>(kind);
  work.options.wanted_from = gemring::GlobalPosition(wanted_from);
  for (std::size_t i = 0; i + 2 < rows.size(); i += 3) {
    work.rows.push_back({rows[i], gemring::GlobalPosition(rows[i + 1]), gemring::TokenId(rows[i + 2])});
  }
}

template <class Archive>
void serialize(Archive& archive, gemring::Work& work, unsigned version) {
  split_free(archive, work, version);
}

}  // namespace boost::serialization

namespace gemring {

void OwnWorkQueue::put(OwnWork work) {
  {
    const MutexLock held(mutex_);
    works_.push_back(std::move(work));
  }
  filled_.notify_one();
}

OwnWork OwnWorkQueue::take(double& waited) {
  const TraceSpan span("wait for work", SpanKind::wait);
  const WaitMark waiting(kOwnPlanner);
  const double start = steady_seconds();
  const MutexLock held(mutex_);
  while (works_.empty()) filled_.wait(mutex_);
  OwnWork work = std::move(works_.front());
  works_.pop_front();
  waited += steady_seconds() - start;
  return work;
}

WorkAnnouncer::WorkAnnouncer(Communicator& world, const ClusterPlan& plan) : works_(world.broadcast_stream()) {
  std::vector<int> first_stage;
  for (const RankId rank : plan.stages.front().ranks) first_stage.push_back(rank.value());
  readers_ = ranges_of(std::move(first_stage));
}

void WorkAnnouncer::announce(const Work& work) {
  Broadcast::Message message{.head = to_archive(work)};
  if (work.kind != Work::Kind::prefill) return works_->send(message, {});
  message.body = to_archive(work.compressed);
  works_->send(message, readers_);
}

Work WorkReceiver::next() {
  Work work;
  const Broadcast::Message message = works_->receive();
  from_archive(message.head, work);
  if (message.body) from_archive(*message.body, work.compressed);
  return work;
}

}  // namespace gemring

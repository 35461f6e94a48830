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
void save(Archive& archive, const gemring::Work& work, unsigned /*version*/) {
  const auto kind = static_cast<std::uint8_t>(work.kind);
  const std::int32_t wanted_from = work.options.wanted_from.value();
  const auto kept = gemring::numbers(work.compressed.kept);
  const auto ids = gemring::numbers(work.compressed.ids);
  const std::uint64_t hash = gemring::hash_of(work.compressed);
  std::vector<std::int32_t> rows;
  for (const gemring::DecodeRow& row : work.rows)
    rows.insert(rows.end(), {row.sequence, row.position.value(), row.token.value()});
  archive << kind << work.sequence << work.prompt_tokens << work.options.prompt_tokens << work.options.max_new_tokens
          << wanted_from << kept << ids << hash << rows << work.finished;
}

template <class Archive>
void load(Archive& archive, gemring::Work& work, unsigned /*version*/) {
  std::uint8_t kind = 0;
  std::int32_t wanted_from = 0;
  std::vector<std::int32_t> kept, ids, rows;
  std::uint64_t hash = 0;
  archive >> kind >> work.sequence >> work.prompt_tokens >> work.options.prompt_tokens >> work.options.max_new_tokens >>
      wanted_from >> kept >> ids >> hash >> rows >> work.finished;
  work.kind = static_cast<gemring::Work::Kind>(kind);
  work.options.wanted_from = gemring::GlobalPosition(wanted_from);
  gemring::assign(work.compressed.kept, kept);
  gemring::assign(work.compressed.ids, ids);
  GEMRING_CHECK(hash == gemring::hash_of(work.compressed), "other kept tokens arrived than rank 0 sent");
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
    const std::lock_guard held(mutex_);
    works_.push_back(std::move(work));
  }
  filled_.notify_one();
}

OwnWork OwnWorkQueue::take(double& waited) {
  const TraceSpan span("wait for work", SpanKind::wait);
  const WaitMark waiting(kOwnPlanner);
  const double start = steady_seconds();
  std::unique_lock held(mutex_);
  filled_.wait(held, [&] { return !works_.empty(); });
  OwnWork work = std::move(works_.front());
  works_.pop_front();
  waited += steady_seconds() - start;
  return work;
}

void WorkAnnouncer::announce(const Work& work) {
  if (world_.size() == 1) return;
  Letter& letter = letters_.emplace_back();
  letter.archive = to_archive(work);
  letter.size = letter.archive.size();
  for (int rank = 1; rank < world_.size(); ++rank) {
    letter.transfers.push_back(
        send(world_, std::span<const std::uint64_t>(&letter.size, 1), rank, MessageKind::control));
    letter.transfers.push_back(send(world_, std::span<const char>(letter.archive), rank, MessageKind::control));
  }
}

void WorkAnnouncer::tidy(bool all) {
  for (auto letter = letters_.begin(); letter != letters_.end();) {
    bool left = true;
    for (Transfer& transfer : letter->transfers) {
      if (all) transfer.wait();
      left = transfer.done() && left;
    }
    letter = left ? letters_.erase(letter) : std::next(letter);
  }
}

Work receive_work(Communicator& world) {
  Work work;
  receive_control(world, work, 0);
  return work;
}

}  // namespace gemring

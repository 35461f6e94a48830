#include "distributed/comm/stall.h"

#include <fmt/format.h>

#include <algorithm>

namespace gemring {
namespace {

constexpr std::size_t kMostTold = 16;  // ranks in one message

RankId rank_at(std::size_t index) {
  return RankId(static_cast<std::int32_t>(index));
}

template <class Seconds>
std::optional<Stall> find_each(Stall::Kind kind, std::span<const RankStatus> ranks, double timeout,
                               Seconds seconds_of) {
  Stall stall{.kind = kind, .ranks = {}};
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const double seconds = seconds_of(ranks[i]);
    if (seconds < timeout) continue;
    if (stall.ranks.empty()) stall.seconds = seconds;
    stall.ranks.push_back(rank_at(i));
  }
  return stall.ranks.empty() ? std::nullopt : std::optional(stall);
}

/// The rank that `rank` waits for; nothing where it waits for none alone.
std::optional<RankId> waited_for(std::span<const RankStatus> ranks, RankId rank) {
  const Place& place = ranks[rank.index()].last.place;
  if (place.state != Place::State::waiting) return std::nullopt;
  if (place.waits_for == kOwnWorker) return rank;
  if (place.waits_for < 0 || static_cast<std::size_t>(place.waits_for) >= ranks.size()) return std::nullopt;
  return RankId(place.waits_for);
}

/// The circle that one gets into who goes from rank 0 to whom it waits for, and so on; empty where that ends.
std::vector<RankId> circle(std::span<const RankStatus> ranks) {
  std::vector<RankId> way;
  for (std::optional<RankId> next(RankId(0)); next; next = waited_for(ranks, *next)) {
    const auto before = std::find(way.begin(), way.end(), *next);
    if (before != way.end()) return {before, way.end()};
    way.push_back(*next);
  }
  return {};
}

std::optional<Stall> find_deadlock(std::span<const RankStatus> ranks, double timeout) {
  const bool all_wait = std::all_of(ranks.begin(), ranks.end(), [&](const RankStatus& rank) {
    return !rank.last.shutdown && rank.last.place.state == Place::State::waiting && rank.last.still_seconds >= timeout;
  });
  if (!all_wait) return std::nullopt;
  Stall stall{.kind = Stall::Kind::deadlock, .ranks = circle(ranks)};
  const bool all = stall.ranks.empty();
  for (std::size_t i = 0; all && i < ranks.size(); ++i) stall.ranks.push_back(rank_at(i));
  stall.seconds = ranks[stall.ranks.front().index()].last.still_seconds;
  return stall;
}

std::string name(RankId rank, std::span<const std::string> hosts) {
  return fmt::format("rank {} on {}", rank.value(), hosts[rank.index()]);
}

/// ", and so do ranks 3, 4 and 12 more".
std::string others_text(std::span<const RankId> others) {
  if (others.empty()) return {};
  std::string text = fmt::format("; the same of rank{} ", others.size() > 1 ? "s" : "");
  const std::size_t told = std::min(others.size(), kMostTold);
  for (std::size_t i = 0; i < told; ++i) text += fmt::format("{}{}", i > 0 ? ", " : "", others[i].value());
  if (told < others.size()) text += fmt::format(" and {} more", others.size() - told);
  return text;
}

/// Whether the way from `rank` to whom it waits for leads to one of `causes`; those who wait for a whole group do.
bool is_victim(std::span<const RankStatus> ranks, RankId rank, const std::vector<RankId>& causes) {
  std::optional<RankId> next(rank);
  for (std::size_t step = 0; step <= ranks.size(); ++step) {
    const Place& place = ranks[next->index()].last.place;
    if (place.state == Place::State::waiting && place.waits_for == kEveryone) return true;
    next = waited_for(ranks, *next);
    if (!next) return false;
    if (std::find(causes.begin(), causes.end(), *next) != causes.end()) return true;
  }
  return false;
}

std::string victims_text(const Stall& stall, std::span<const RankStatus> ranks) {
  std::string text;
  std::size_t victims = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const RankId rank = rank_at(i);
    const bool cause = std::find(stall.ranks.begin(), stall.ranks.end(), rank) != stall.ranks.end();
    if (cause || !is_victim(ranks, rank, stall.ranks)) continue;
    if (++victims <= kMostTold) text += fmt::format("{}rank {}", victims > 1 ? ", " : "", i);
  }
  if (victims == 0) return {};
  if (victims > kMostTold) text += fmt::format(" and {} more", victims - kMostTold);
  return fmt::format("{} wait{} for it; ", text, victims == 1 ? "s" : "");
}

std::string places_text(const Stall& stall, std::span<const RankStatus> ranks, std::span<const std::string> hosts) {
  std::string text;
  const std::size_t told = std::min(stall.ranks.size(), kMostTold);
  for (std::size_t i = 0; i < told; ++i) {
    const RankId rank = stall.ranks[i];
    text += fmt::format("\n  {}: {}", name(rank, hosts), describe(ranks[rank.index()].last.place));
  }
  if (told < stall.ranks.size()) text += fmt::format("\n  and {} more", stall.ranks.size() - told);
  return text;
}

}  // namespace

std::vector<int> hears_of(int member, int size) {
  std::vector<int> others;
  if (member == 0) {
    for (int other = 1; other < size; ++other) others.push_back(other);
  } else if (member == 1 || member == size - 1) {
    others.push_back(0);
  }
  return others;
}

std::vector<int> tells(int member, int size) {
  if (size == 1) return {};
  if (member > 0) return {0};
  return size > 2 ? std::vector{1, size - 1} : std::vector{1};
}

std::optional<Stall> find_stall(std::span<const RankStatus> ranks, double timeout) {
  if (auto stall = find_each(Stall::Kind::silent, ranks, timeout,
                             [](const RankStatus& rank) { return rank.last.shutdown ? 0 : rank.silent_seconds; })) {
    return stall;
  }
  if (auto stall = find_each(Stall::Kind::still, ranks, timeout, [](const RankStatus& rank) {
        const bool to_blame = !rank.last.shutdown && rank.last.place.state == Place::State::computing;
        return to_blame ? static_cast<double>(rank.last.still_seconds) : 0;
      })) {
    return stall;
  }
  return find_deadlock(ranks, timeout);
}

ErrorText stall_text(const Stall& stall, std::span<const RankStatus> ranks, std::span<const std::string> hosts) {
  const RankId first = stall.ranks.front();
  const std::string place = describe(ranks[first.index()].last.place);
  const std::string others = others_text(std::span(stall.ranks).subspan(1));
  const std::string longer = "a longer --stall-timeout, or 0, keeps such a job";
  switch (stall.kind) {
    case Stall::Kind::silent:
      return {name(first, hosts),
              fmt::format("no sign of life for {:.0f} s, last in: {}{}", stall.seconds, place, others),
              fmt::format("{}it was stopped, or its host or network is gone; {}", victims_text(stall, ranks), longer)};
    case Stall::Kind::still:
      return {
          name(first, hosts), fmt::format("no progress for {:.0f} s in: {}{}", stall.seconds, place, others),
          fmt::format("{}look at that machine, and report it if it is well; {}", victims_text(stall, ranks), longer)};
    case Stall::Kind::deadlock:
      return {fmt::format("{} ranks", ranks.size()),
              fmt::format("all wait for each other, for {:.0f} s:{}", stall.seconds, places_text(stall, ranks, hosts)),
              "this is a bug, or a message was lost; please report it with the command line"};
    case Stall::Kind::in_mpi:
      return {name(first, hosts),
              fmt::format("a call of MPI has not come back for {:.0f} s in: {}", stall.seconds, place),
              fmt::format("another rank does not take part in it, or the network is gone; {}", longer)};
  }
  return {};
}

}  // namespace gemring

#include "launch/cluster/probe/links.h"

#include <algorithm>

#include "engine/base/clock.h"
#include "engine/tensor/buffer.h"

namespace gemring {
namespace {

constexpr int kPings = 40;
constexpr std::size_t kFirstBytes = std::size_t{1} << 20;
constexpr std::size_t kMostMessageBytes = std::size_t{64} << 20;
constexpr double kWantedSeconds = 0.12;

double ping_seconds(Communicator& world, int partner) {
  double value = 0;
  const bool begins = world.member() < partner;
  double start = 0;
  for (int ping = -5; ping < kPings; ++ping) {  // the first ones connect and warm up
    if (ping == 0) start = steady_seconds();
    if (begins) send(world, std::span<const double>(&value, 1), partner, MessageKind::control).wait();
    receive(world, std::span(&value, 1), partner, MessageKind::control).wait();
    if (!begins) send(world, std::span<const double>(&value, 1), partner, MessageKind::control).wait();
  }
  return (steady_seconds() - start) / (2 * kPings);
}

/// Both send `out` at the same time.
double exchange_seconds(Communicator& world, int partner, std::span<const std::byte> out, std::span<std::byte> in) {
  const double start = steady_seconds();
  Transfer receiving = world.receive(in, partner, MessageKind::control);
  Transfer sending = world.send(out, partner, MessageKind::control);
  receiving.wait();
  sending.wait();
  return steady_seconds() - start;
}

/// The slower side's figure, on both.
double agreed_seconds(Communicator& world, int partner, double own) {
  double theirs = 0;
  Transfer receiving = receive(world, std::span(&theirs, 1), partner, MessageKind::control);
  send(world, std::span<const double>(&own, 1), partner, MessageKind::control).wait();
  receiving.wait();
  return std::max(own, theirs);
}

}  // namespace

PairRound inside_round(const std::vector<int>& host_of_rank) {
  PairRound round(host_of_rank.size(), -1);
  std::vector<int> waiting;  // of each host, the rank that has no partner yet
  for (std::size_t rank = 0; rank < host_of_rank.size(); ++rank) {
    const auto host = static_cast<std::size_t>(host_of_rank[rank]);
    if (waiting.size() <= host) waiting.resize(host + 1, -1);
    if (waiting[host] < 0) {
      waiting[host] = static_cast<int>(rank);
      continue;
    }
    round[rank] = waiting[host];
    round[static_cast<std::size_t>(waiting[host])] = static_cast<int>(rank);
    waiting[host] = -1;
  }
  return round;
}

std::vector<PairRound> host_rounds(const std::vector<int>& host_of_rank) {
  std::vector<int> first;  // rank of each host
  for (std::size_t rank = 0; rank < host_of_rank.size(); ++rank) {
    const auto host = static_cast<std::size_t>(host_of_rank[rank]);
    if (first.size() <= host) first.resize(host + 1, -1);
    if (first[host] < 0) first[host] = static_cast<int>(rank);
  }
  const std::size_t hosts = first.size();
  std::vector<PairRound> rounds;
  const auto pair = [&](std::size_t a, std::size_t b) {
    rounds.back()[static_cast<std::size_t>(first[a])] = first[b];
    rounds.back()[static_cast<std::size_t>(first[b])] = first[a];
  };
  for (const std::size_t begin : {std::size_t{0}, std::size_t{1}}) {
    if (begin + 1 >= hosts) continue;
    rounds.emplace_back(host_of_rank.size(), -1);
    for (std::size_t host = begin; host + 1 < hosts; host += 2) pair(host, host + 1);
    if (begin == 1 && hosts % 2 == 0) pair(hosts - 1, 0);
  }
  if (hosts > 2 && hosts % 2 == 1) {
    rounds.emplace_back(host_of_rank.size(), -1);
    pair(hosts - 1, 0);
  }
  return rounds;
}

LinkSpeed measure_link(const Job& job, const PairRound& round) {
  Communicator& world = job.world;
  world.barrier();
  const int partner = round.at(static_cast<std::size_t>(world.member()));
  LinkSpeed link;
  if (partner >= 0) {
    link.latency_seconds = agreed_seconds(world, partner, ping_seconds(world, partner));
    Buffer<std::byte> out(kFirstBytes);
    Buffer<std::byte> in(kFirstBytes);
    exchange_seconds(world, partner, out.span(), in.span());  // memory becomes resident
    const double first = agreed_seconds(world, partner, exchange_seconds(world, partner, out.span(), in.span()));
    const auto bytes = static_cast<std::size_t>(
        std::clamp(kFirstBytes * kWantedSeconds / 2 / first, 1.0 * kFirstBytes, 1.0 * kMostMessageBytes));
    out = Buffer<std::byte>(bytes);
    in = Buffer<std::byte>(bytes);
    double seconds = agreed_seconds(world, partner, exchange_seconds(world, partner, out.span(), in.span()));
    seconds =
        std::min(seconds, agreed_seconds(world, partner, exchange_seconds(world, partner, out.span(), in.span())));
    link.bytes_per_second = static_cast<double>(bytes) / seconds;
  }
  world.barrier();
  return link;
}

}  // namespace gemring

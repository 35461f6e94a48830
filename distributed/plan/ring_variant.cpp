#include "distributed/plan/ring_variant.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "distributed/plan/message_types.h"
#include "engine/base/check.h"

namespace gemring {
namespace {

/// Bytes of what travels of each member's shard.
struct Blocks {
  struct Bytes {
    std::vector<double> of;  // each member
    double sum = 0;

    void add(double bytes) {
      of.push_back(bytes);
      sum += bytes;
    }
  };

  explicit Blocks(const RingWork& work) {
    const auto heads = static_cast<std::size_t>(work.heads);
    const auto kv_heads = static_cast<std::size_t>(work.kv_heads);
    const auto head_dim = static_cast<std::size_t>(work.head_dim);
    for (const std::int32_t count : work.keys) {
      const std::size_t elements = static_cast<std::size_t>(count) * kv_heads * head_dim;
      keys.add(2 * static_cast<double>(stored_bytes(work.kv_type, elements)));
    }
    for (const std::int32_t count : work.queries) {
      const auto tokens = static_cast<std::size_t>(count);
      queries.add(static_cast<double>(stored_bytes(work.query_type, tokens * heads * head_dim)));
      states.add(static_cast<double>(part_bytes(tokens, heads, head_dim, work.state_type)));
    }
  }
  int members() const { return static_cast<int>(queries.of.size()); }
  double key(int j) const { return keys.of[static_cast<std::size_t>(j)]; }
  double query(int j) const { return queries.of[static_cast<std::size_t>(j)]; }
  double state(int j) const { return states.of[static_cast<std::size_t>(j)]; }

  Bytes keys, queries, states;
};

/// Without a division: with a thousand members this is what their costs are made of. step: 0 .. members.
int behind(int member, int step, int members) {
  return member >= step ? member - step : member - step + members;
}

int after(int member, int members) {
  return member + 1 == members ? 0 : member + 1;
}

/// Seconds of each step's messages: every host sends and receives at once, and so does every rank.
class StepClock {
 public:
  StepClock(const GroupLinks& links, int members) : links_(links), members_(members) {
    GEMRING_CHECK(links.hosts.empty() || static_cast<int>(links.hosts.size()) == members, "{} hosts of {} members",
                  links.hosts.size(), members);
    std::map<std::int32_t, int> numbers;
    for (int member = 0; member < members; ++member) {
      const std::int32_t name = links.hosts.empty() ? 0 : links.hosts[static_cast<std::size_t>(member)];
      host_.push_back(numbers.try_emplace(name, static_cast<int>(numbers.size())).first->second);
    }
    out_.resize(numbers.size());
    in_.resize(numbers.size());
    to_all_.resize(numbers.size());
    inside_.resize(static_cast<std::size_t>(members));
    ranks_.resize(numbers.size());
    for (const int host : host_) ++ranks_[static_cast<std::size_t>(host)];
  }

  void send(int from, int to, double bytes) {
    if (from == to || bytes == 0) return;
    if (host(from) == host(to)) {
      inside_[static_cast<std::size_t>(from)] += bytes;
    } else {
      out_[host(from)] += bytes;
      in_[host(to)] += bytes;
    }
  }

  /// The same message to every other member.
  void send_to_all(int from, double bytes) {
    const auto here = static_cast<double>(ranks_[host(from)]);
    inside_[static_cast<std::size_t>(from)] += (here - 1) * bytes;
    out_[host(from)] += (members_ - here) * bytes;
    to_all_[host(from)] += bytes;
  }

  /// And begins the next step.
  double finish() {
    const auto largest = [](std::vector<double>& bytes) {
      const double most = *std::max_element(bytes.begin(), bytes.end());
      std::fill(bytes.begin(), bytes.end(), 0.0);
      return most;
    };
    if (const double all = std::accumulate(to_all_.begin(), to_all_.end(), 0.0); all > 0) {
      for (std::size_t host = 0; host < in_.size(); ++host)
        in_[host] += static_cast<double>(ranks_[host]) * (all - std::exchange(to_all_[host], 0.0));
    }
    const double inside = seconds(largest(inside_), links_.within_host);
    const double out = largest(out_);
    return std::max(inside, seconds(std::max(out, largest(in_)), links_.between_hosts));
  }

 private:
  std::size_t host(int member) const { return static_cast<std::size_t>(host_[static_cast<std::size_t>(member)]); }
  static double seconds(double bytes, const LinkSpeed& link) {
    if (bytes == 0) return 0;
    return link.latency_seconds + (link.bytes_per_second > 0 ? bytes / link.bytes_per_second : 0);
  }

  const GroupLinks& links_;
  int members_;
  std::vector<int> host_;                  // of each member, numbered from 0
  std::vector<int> ranks_;                 // of each host
  std::vector<double> out_, in_, to_all_;  // of each host in this step
  std::vector<double> inside_;             // of each member
};

/// One step's messages into the clock.
void send_step(RingVariant variant, const Blocks& blocks, int step, StepClock& clock) {
  const int members = blocks.members();
  for (int member = 0; member < members; ++member) {
    const int held = behind(member, step, members);
    switch (variant) {
      case RingVariant::pass_kv:
        clock.send(member, after(member, members), blocks.key(held));
        break;
      case RingVariant::pass_q:
        if (step == 0) clock.send_to_all(member, blocks.query(member));
        if (step > 0) clock.send(member, held, blocks.state(held));
        break;
      case RingVariant::token_ring:
        if (step + 1 < members) clock.send(member, after(member, members), blocks.query(held));
        if (step > 0) clock.send(member, held, blocks.state(held));
        break;
      case RingVariant::all_gather:
        clock.send_to_all(member, blocks.key(member));
        break;
    }
  }
}

/// What `member` sends in all steps together.
double bytes_sent(RingVariant variant, const Blocks& blocks, int member) {
  const int members = blocks.members();
  const double others = members - 1;
  // Of what goes round, a member passes on all but its successor's block: that one has come to its end.
  const auto passed_on = [&](const Blocks::Bytes& all) {
    return all.sum - all.of[static_cast<std::size_t>(after(member, members))];
  };
  switch (variant) {
    case RingVariant::pass_kv:
      return passed_on(blocks.keys);
    case RingVariant::pass_q:
      return others * blocks.query(member) + blocks.states.sum - blocks.state(member);
    case RingVariant::token_ring:
      return passed_on(blocks.queries) + blocks.states.sum - blocks.state(member);
    case RingVariant::all_gather:
      break;
  }
  return others * blocks.key(member);
}

bool on_one_host(const GroupLinks& links) {
  return std::adjacent_find(links.hosts.begin(), links.hosts.end(), std::not_equal_to<>()) == links.hosts.end();
}

/// Whether all steps but the first and the last take the same time: where the members are on one host, or each on one
/// of its own, every step moves the same blocks by the same kind of way, from other places.
bool steps_are_alike(const GroupLinks& links) {
  return on_one_host(links) || std::set(links.hosts.begin(), links.hosts.end()).size() == links.hosts.size();
}

}  // namespace

std::string_view name(RingVariant variant) {
  switch (variant) {
    case RingVariant::pass_kv:
      return "pass-kv";
    case RingVariant::pass_q:
      return "pass-q";
    case RingVariant::token_ring:
      return "token-ring";
    case RingVariant::all_gather:
      return "all-gather";
  }
  return "?";
}

int steps(RingVariant variant, int members) {
  if (members == 1) return 0;
  if (variant == RingVariant::all_gather) return 1;
  return variant == RingVariant::pass_kv ? members - 1 : members;
}

double bytes_sent(RingVariant variant, const RingWork& work, int member, int step) {
  GEMRING_CHECK(member >= 0 && member < work.members() && step >= 0 && step < steps(variant, work.members()),
                "member {}, step {}", member, step);
  const Blocks blocks(work);
  const int members = work.members();
  const int held = behind(member, step, members);
  switch (variant) {
    case RingVariant::pass_kv:
      return blocks.key(held);
    case RingVariant::pass_q:
      return step == 0 ? (members - 1) * blocks.query(member) : blocks.state(held);
    case RingVariant::token_ring:
      return (step + 1 < members ? blocks.query(held) : 0) + (step > 0 ? blocks.state(held) : 0);
    case RingVariant::all_gather:
      break;
  }
  return (members - 1) * blocks.key(member);
}

RingCost ring_cost(RingVariant variant, const RingWork& work, const GroupLinks& links) {
  const int members = work.members();
  GEMRING_CHECK(members >= 1 && work.keys.size() == work.queries.size(), "{} and {} shards", work.queries.size(),
                work.keys.size());
  RingCost cost;
  cost.bytes_sent.resize(work.queries.size());
  cost.seconds = work.attention_seconds;
  if (members == 1) return cost;

  const Blocks blocks(work);
  StepClock clock(links, members);
  const double compute = work.attention_seconds / members;  // of a step: shards are cut so that they are equal
  cost.seconds = 0;
  int computed = 0;
  double messages = 0;
  const bool alike = steps_are_alike(links);
  for (int step = 0; step < steps(variant, members); ++step) {
    const bool is_inner = step > 0 && step + 1 < steps(variant, members);
    if (!alike || !is_inner || step == 1) {
      send_step(variant, blocks, step, clock);
      messages = clock.finish();
    }
    cost.transfer_seconds += messages;
    // Results of a step follow its compute: those of the last one have nothing left beside them. Nor have gathered
    // keys.
    const bool alone = variant == RingVariant::all_gather || (variant != RingVariant::pass_kv && step + 1 == members);
    const double beside = alone ? 0 : compute;
    computed += alone ? 0 : 1;
    cost.seconds += std::max(beside, messages) + (1 - work.overlap) * std::min(beside, messages);
  }
  cost.seconds += compute * (members - computed);
  for (int member = 0; member < members; ++member)
    cost.bytes_sent[static_cast<std::size_t>(member)] = bytes_sent(variant, blocks, member);
  return cost;
}

ChosenRing choose_ring(const RingWork& work, const GroupLinks& links, std::optional<RingVariant> asked) {
  if (asked) return {*asked, ring_cost(*asked, work, links)};
  ChosenRing best = choose_ring(work, links, RingVariant::pass_kv);
  for (const RingVariant variant : {RingVariant::pass_q, RingVariant::token_ring, RingVariant::all_gather}) {
    RingCost cost = ring_cost(variant, work, links);
    const bool gathers = variant == RingVariant::all_gather;
    if (gathers && Blocks(work).keys.sum > kMostGatheredBytes) continue;
    const double worth = gathers && on_one_host(links) ? kWorthOfEqualBits : 1;
    if (cost.seconds < worth * best.cost.seconds) best = {variant, std::move(cost)};
  }
  return best;
}

}  // namespace gemring

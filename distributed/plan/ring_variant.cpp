#include "distributed/plan/ring_variant.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "distributed/plan/message_types.h"
#include "engine/base/check.h"

namespace gemring {
namespace {

/// Bytes of what travels of each member's shard.
struct Blocks {
  explicit Blocks(const RingWork& work) {
    const auto heads = static_cast<std::size_t>(work.heads);
    const auto kv_heads = static_cast<std::size_t>(work.kv_heads);
    const auto head_dim = static_cast<std::size_t>(work.head_dim);
    for (const std::int32_t count : work.keys) {
      const std::size_t elements = static_cast<std::size_t>(count) * kv_heads * head_dim;
      keys.push_back(2 * static_cast<double>(stored_bytes(work.kv_type, elements)));
    }
    for (const std::int32_t count : work.queries) {
      const auto tokens = static_cast<std::size_t>(count);
      queries.push_back(static_cast<double>(stored_bytes(work.query_type, tokens * heads * head_dim)));
      states.push_back(static_cast<double>(part_bytes(tokens, heads, head_dim, work.state_type)));
    }
  }
  int members() const { return static_cast<int>(queries.size()); }
  double key(int j) const { return keys[static_cast<std::size_t>(j)]; }
  double query(int j) const { return queries[static_cast<std::size_t>(j)]; }
  double state(int j) const { return states[static_cast<std::size_t>(j)]; }

  double all_keys() const { return std::accumulate(keys.begin(), keys.end(), 0.0); }

  std::vector<double> keys, queries, states;
};

/// Without a division: with a thousand members this is what their costs are made of. step: 0 .. members.
int behind(int member, int step, int members) {
  return member >= step ? member - step : member - step + members;
}

int after(int member, int members) {
  return member + 1 == members ? 0 : member + 1;
}

/// Seconds of each step's messages: every host sends and receives at once, and so does every rank. And bytes of all.
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
    inside_.resize(static_cast<std::size_t>(members));
    sent_.resize(inside_.size());
    ranks_.resize(numbers.size());
    for (const int host : host_) ++ranks_[static_cast<std::size_t>(host)];
  }

  void send(int from, int to, double bytes) {
    if (from == to || bytes == 0) return;
    sent_[static_cast<std::size_t>(from)] += bytes;
    if (host(from) == host(to)) {
      inside_[static_cast<std::size_t>(from)] += bytes;
    } else {
      out_[host(from)] += bytes;
      in_[host(to)] += bytes;
    }
  }

  /// The same message to every other member.
  void send_to_all(int from, double bytes) {
    if (bytes == 0) return;
    sent_[static_cast<std::size_t>(from)] += (members_ - 1) * bytes;
    const auto here = static_cast<double>(ranks_[host(from)]);
    inside_[static_cast<std::size_t>(from)] += (here - 1) * bytes;
    out_[host(from)] += (members_ - here) * bytes;
    for (std::size_t other = 0; other < in_.size(); ++other) {
      if (other != host(from)) in_[other] += static_cast<double>(ranks_[other]) * bytes;
    }
  }

  /// By each member, in all steps so far.
  const std::vector<double>& sent() const { return sent_; }

  /// And begins the next step.
  double finish() {
    const auto largest = [](std::vector<double>& bytes) {
      const double most = *std::max_element(bytes.begin(), bytes.end());
      std::fill(bytes.begin(), bytes.end(), 0.0);
      return most;
    };
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
  std::vector<int> host_;   // of each member, numbered from 0
  std::vector<int> ranks_;  // of each host
  std::vector<double> out_, in_, inside_;
  std::vector<double> sent_;
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

bool on_one_host(const GroupLinks& links) {
  return std::adjacent_find(links.hosts.begin(), links.hosts.end(), std::not_equal_to<>()) == links.hosts.end();
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
  const GroupLinks one_host;
  StepClock clock(one_host, work.members());
  send_step(variant, Blocks(work), step, clock);
  return clock.sent()[static_cast<std::size_t>(member)];
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
  for (int step = 0; step < steps(variant, members); ++step) {
    send_step(variant, blocks, step, clock);
    const double messages = clock.finish();
    cost.transfer_seconds += messages;
    // Results of a step follow its compute: those of the last one have nothing left beside them. Nor have gathered
    // keys.
    const bool alone = variant == RingVariant::all_gather || (variant != RingVariant::pass_kv && step + 1 == members);
    const double beside = alone ? 0 : compute;
    computed += alone ? 0 : 1;
    cost.seconds += std::max(beside, messages) + (1 - work.overlap) * std::min(beside, messages);
  }
  cost.seconds += compute * (members - computed);
  cost.bytes_sent = clock.sent();
  return cost;
}

ChosenRing choose_ring(const RingWork& work, const GroupLinks& links, std::optional<RingVariant> asked) {
  if (asked) return {*asked, ring_cost(*asked, work, links)};
  ChosenRing best = choose_ring(work, links, RingVariant::pass_kv);
  for (const RingVariant variant : {RingVariant::pass_q, RingVariant::token_ring, RingVariant::all_gather}) {
    RingCost cost = ring_cost(variant, work, links);
    const bool gathers = variant == RingVariant::all_gather;
    if (gathers && Blocks(work).all_keys() > kMostGatheredBytes) continue;
    const double worth = gathers && on_one_host(links) ? kWorthOfEqualBits : 1;
    if (cost.seconds < worth * best.cost.seconds) best = {variant, std::move(cost)};
  }
  return best;
}

}  // namespace gemring

#include "distributed/session/rank_trace.h"

#include <map>
#include <span>
#include <utility>

#include "distributed/comm/control.h"
#include "engine/base/process.h"

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, gemring::PhaseRecord& phase, unsigned /*version*/) {
  archive& phase.name& phase.begin& phase.duration;
  for (std::int64_t& time : phase.kinds) archive& time;
}

/// All but the spans, which follow as bytes; how many they are.
template <class Archive>
void serialize(Archive& archive, std::pair<gemring::RankTrace, std::uint64_t>& message, unsigned /*version*/) {
  gemring::RankTrace& trace = message.first;
  archive& trace.host& trace.phases& trace.names& trace.dropped& message.second;
}

}  // namespace boost::serialization

namespace gemring {
namespace {

RankTrace packed(const Trace& trace, RankId rank) {
  RankTrace result{.rank = rank,
                   .host = host_name(),
                   .phases = trace.phases(),
                   .names = {},
                   .spans = {},
                   .dropped = trace.dropped()};
  std::map<const char*, std::uint16_t> indices;
  result.spans.reserve(trace.spans().size());
  for (const SpanRecord& span : trace.spans()) {
    const auto [entry, is_new] = indices.try_emplace(span.name, static_cast<std::uint16_t>(result.names.size()));
    if (is_new) result.names.emplace_back(span.name);
    result.spans.push_back({.begin = span.begin,
                            .duration = span.duration,
                            .amount = span.amount,
                            .layer = span.layer.value(),
                            .name = entry->second,
                            .kind = span.kind});
  }
  return result;
}

void send_trace(Communicator& world, RankTrace trace) {
  const std::vector<RankSpan> spans = std::move(trace.spans);
  send_control(world, std::pair(std::move(trace), std::uint64_t{spans.size()}), 0);
  send(world, std::span(spans), 0, MessageKind::control).wait();
}

RankTrace receive_trace(Communicator& world, int from) {
  std::pair<RankTrace, std::uint64_t> message;
  receive_control(world, message, from);
  message.first.rank = RankId(from);
  message.first.spans.resize(message.second);
  receive(world, std::span(message.first.spans), from, MessageKind::control).wait();
  return std::move(message.first);
}

}  // namespace

void start_traces(Communicator& world, Trace& trace) {
  // A rank may sleep up to half a millisecond in a wait for others. In the second barrier all are awake.
  world.barrier();
  world.barrier();
  trace.start();
}

void gather_traces(Communicator& world, Trace& trace, const std::function<void(const RankTrace&)>& take) {
  trace.stop();
  if (world.member() != 0) return send_trace(world, packed(trace, RankId(world.member())));
  take(packed(trace, RankId(0)));
  for (int rank = 1; rank < world.size(); ++rank) take(receive_trace(world, rank));
}

}  // namespace gemring

#include "distributed/session/step.h"

#include <algorithm>

#include "distributed/comm/control.h"
#include "distributed/pipeline/logit_rows.h"
#include "engine/base/trace.h"

namespace boost::serialization {

template <class Archive>
void serialize(Archive& archive, gemring::TokenMessage& message, unsigned /*version*/) {
  std::int32_t position = message.position.value();
  std::int32_t token = message.token.value();
  archive& message.sequence& position& token& message.end;
  message.position = gemring::GlobalPosition(position);
  message.token = gemring::TokenId(token);
}

}  // namespace boost::serialization

namespace gemring {
namespace {

/// Rank 0 to every other rank that has a stage.
void announce(Communicator& world, const ClusterPlan& plan, const TokenMessage& message) {
  for (const StagePlan& stage : plan.stages) {
    for (const RankId rank : stage.ranks) {
      if (rank != RankId(0)) send_control(world, message, rank.value());
    }
  }
}

/// Logits of the token that the stages work on, on rank 0: computed here, or received from the last stage's first rank.
void collect_logits(Communicator& world, const ClusterPlan& plan, std::span<float> logits) {
  const RankId sender = plan.stages.back().ranks.front();
  if (sender != RankId(0)) receive(world, logits, sender.value(), MessageKind::logits).wait();
}

void follow(Communicator& world, Stage& stage) {
  for (;;) {
    TokenMessage message;
    receive_control(world, message, 0);
    if (message.end) return;
    stage.decode(message.position, message.token, {});
  }
}

}  // namespace

std::vector<float> prefill(Communicator& world, const ClusterPlan& plan, const ModelConfig& config, Stage* stage,
                           std::span<const TokenId> ids, GlobalPosition wanted_from, const Stage::Progress& progress) {
  const auto n = static_cast<std::int32_t>(ids.size());
  std::vector<float> logits;
  std::optional<LogitReceiver> receiver;
  if (world.member() == 0) {
    const auto vocab = static_cast<std::size_t>(config.vocab);
    logits.resize(static_cast<std::size_t>(n - wanted_from.value()) * vocab);
    receiver.emplace(world, plan, n, wanted_from, logits, vocab);
  }
  if (stage != nullptr) stage->prefill(ids, logits, progress);
  if (receiver) receiver->wait();
  return logits;
}

std::vector<TokenId> decode(Communicator& world, const ClusterPlan& plan, Stage* stage, std::span<float> logits,
                            std::int32_t prompt_tokens, const GenerationRequest& request,
                            const std::function<void()>& on_first_token) {
  if (world.member() != 0) {
    if (stage != nullptr) follow(world, *stage);
    return {};
  }
  Sampler sampler(request.sampling, logits.size());
  if (request.known_tokens > 0) sampler.set_known_tokens(request.known_tokens);
  std::vector<TokenId> generated;
  for (GlobalPosition position(prompt_tokens);; ++position) {
    TokenId token;
    {
      const TraceSpan span("sample", SpanKind::other, 1);
      token = sampler.sample(logits, position);
    }
    generated.push_back(token);
    if (generated.size() == 1) on_first_token();
    if (request.on_token) request.on_token(token);
    const bool end = request.stop.check(token, static_cast<std::int32_t>(generated.size())) != StopReason::none;
    announce(world, plan, {.sequence = 0, .position = position, .token = token, .end = end});
    if (end) return generated;
    if (stage != nullptr) stage->decode(position, token, logits);
    collect_logits(world, plan, logits);
  }
}

}  // namespace gemring

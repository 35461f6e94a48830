#include "distributed/session/session.h"

#include <algorithm>

#include "distributed/session/filter.h"
#include "distributed/session/model_parts.h"
#include "distributed/session/phase_clock.h"
#include "distributed/session/select.h"
#include "distributed/session/step.h"
#include "engine/base/check.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

/// What rank 0 knows of a request and every rank needs before the first phase.
struct RequestHeader {
  std::int32_t prompt_tokens = 0;
  std::int32_t max_new_tokens = 0;
  bool filters = false;
};

std::vector<int> members_of(const std::vector<RankId>& ranks) {
  std::vector<int> members;
  members.reserve(ranks.size());
  for (const RankId rank : ranks) members.push_back(rank.value());
  return members;
}

}  // namespace

struct Session::State {
  Communicator& world;
  ModelConfig config;
  ClusterPlan plan;
  ComputeOptions options;
  ModelParts parts;
  std::unique_ptr<Communicator> filter_group;  // nullptr on a rank that does not filter
  std::unique_ptr<Communicator> stage_group;   // nullptr on a rank without a stage
  std::optional<std::size_t> stage;            // index of this rank's stage

  RankId rank() const { return RankId(world.member()); }

  /// The stage for one sequence; nothing on a rank without one.
  std::optional<Stage> make_stage(std::int32_t tokens, std::int32_t max_new_tokens, GlobalPosition wanted_from) {
    const TraceSpan span("set up stage", SpanKind::set_up, static_cast<std::size_t>(tokens));
    std::optional<Stage> made;
    if (!stage) return made;
    const StageParts stage_parts{.layers = &*parts.stage_layers,
                                 .embedding = parts.embedding ? &*parts.embedding : nullptr,
                                 .head = parts.head ? &*parts.head : nullptr};
    const StageOptions stage_options{.kv_type = options.kv_type,
                                     .message_type = options.message_type,
                                     .prompt_tokens = tokens,
                                     .max_new_tokens = max_new_tokens,
                                     .wanted_from = wanted_from};
    made.emplace(world, *stage_group, plan, *stage, config, stage_parts, stage_options);
    return made;
  }

  std::vector<float> run_filter(const GenerationRequest& request, std::int32_t n) {
    const FilterParts filter_parts{
        .embedding = &*parts.embedding, .layers = parts.filter_layers, .scoring = &*parts.scoring};
    return filter(*filter_group, config, filter_parts, options, request.prompt, n, [&](double done, double total) {
      if (request.on_progress) request.on_progress("filter", done, total);
    });
  }
};

Session::Session(Communicator& world, const ModelConfig& config, const TensorSource& weights, const ClusterPlan& plan,
                 LayerIndex filter_layer, const ComputeOptions& options)
    : state_(new State{.world = world,
                       .config = config,
                       .plan = plan,
                       .options = options,
                       .parts = load_parts(weights, config, plan, RankId(world.member()), filter_layer),
                       .filter_group = nullptr,
                       .stage_group = nullptr,
                       .stage = plan.stage_of(RankId(world.member()))}) {
  if (!plan.filter_group.empty()) state_->filter_group = world.group(members_of(plan.filter_group));
  for (const StagePlan& stage : plan.stages) {
    auto group = world.group(members_of(stage.ranks));
    if (group) state_->stage_group = std::move(group);
  }
}

Session::~Session() = default;

GenerationResult Session::generate(const GenerationRequest& request) {
  State& s = *state_;
  PhaseClock clock(s.world);
  RequestHeader header{.prompt_tokens = static_cast<std::int32_t>(request.prompt.size()),
                       .max_new_tokens = request.stop.max_new_tokens};
  header.filters = s.plan.method == Method::gemfilter && !request.selection.keeps_everything(header.prompt_tokens);
  s.world.broadcast(std::as_writable_bytes(std::span(&header, 1)), 0);

  GenerationResult result;
  result.prompt_tokens = header.prompt_tokens;
  if (header.filters && s.filter_group) {
    clock.begin("filter");
    result.scores = s.run_filter(request, header.prompt_tokens);
  }
  clock.begin("select");
  CompressedPrompt compressed = select(s.world, request.prompt, result.scores, request.selection);
  const auto tokens = static_cast<std::int32_t>(compressed.ids.size());

  clock.begin("prefill");
  const GlobalPosition last_token(tokens - 1);
  auto stage = s.make_stage(tokens, header.max_new_tokens, last_token);
  Stage* const own_stage = stage ? &*stage : nullptr;
  std::vector<float> logits = prefill(s.world, s.plan, s.config, own_stage, compressed.ids, last_token,
                                      [&](std::int32_t done, std::int32_t total) {
                                        if (request.on_progress) request.on_progress("prefill", done, total);
                                      });
  clock.begin("decode");
  result.generated_ids = decode(s.world, s.plan, own_stage, logits, tokens, request,
                                [&] { result.time_to_first_token_seconds = clock.seconds_since_start(); });
  const double decode_seconds = clock.seconds_since_start() - result.time_to_first_token_seconds;
  clock.end();

  result.kept = std::move(compressed.kept);
  if (s.world.member() == 0) {
    const auto later_tokens = static_cast<double>(result.generated_ids.size() - 1);
    result.prefill_tokens_per_second = result.prompt_tokens / result.time_to_first_token_seconds;
    result.decode_tokens_per_second = later_tokens > 0 ? later_tokens / decode_seconds : 0;
  }
  JobReport report = gather_reports(s.world, clock.phases());
  result.phases = std::move(report.phases);
  result.ranks = std::move(report.ranks);
  return result;
}

std::vector<float> Session::logits(const std::vector<TokenId>& prompt, std::int32_t rows) {
  State& s = *state_;
  GEMRING_CHECK(s.plan.method == Method::full, "logits of a compressed prompt");
  PhaseClock clock(s.world);
  clock.begin("select");
  const CompressedPrompt everything = select(s.world, prompt, {}, {});
  const auto n = static_cast<std::int32_t>(everything.ids.size());
  const GlobalPosition wanted_from(n - std::min(n, rows));
  clock.begin("prefill");
  auto stage = s.make_stage(n, 0, wanted_from);
  std::vector<float> logits =
      prefill(s.world, s.plan, s.config, stage ? &*stage : nullptr, everything.ids, wanted_from, {});
  clock.end();
  return logits;
}

}  // namespace gemring

#include "distributed/session/session.h"

#include <bit>
#include <thread>
#include <utility>

#include "distributed/session/coordinator.h"
#include "distributed/session/delivery.h"
#include "distributed/session/event_queue.h"
#include "distributed/session/model_parts.h"
#include "distributed/session/phase_clock.h"
#include "distributed/session/request_source.h"
#include "distributed/session/stored_reading.h"
#include "distributed/session/worker.h"
#include "engine/base/affinity.h"
#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/place.h"

namespace gemring {
namespace {

/// Tokens and results that nobody has taken yet before no new request is begun: some hundred kilobytes.
constexpr std::size_t kMostEvents = 4096;

std::vector<int> members_of(const std::vector<RankId>& ranks) {
  std::vector<int> members;
  members.reserve(ranks.size());
  for (const RankId rank : ranks) members.push_back(rank.value());
  return members;
}

/// Requests that are all there; each result at its request's place.
class GivenRequests : public RequestSource {
 public:
  GivenRequests(std::span<const GenerationRequest> requests, std::vector<GenerationResult>& results)
      : requests_(requests), results_(results) {}

  std::optional<GenerationRequest> next() override {
    if (ended()) return std::nullopt;
    const std::size_t place = next_++;
    GenerationRequest request = requests_[place];
    request.on_end = [this, place](GenerationResult result) {
      results_[place] = std::move(result);
      if (requests_[place].on_end) requests_[place].on_end(results_[place]);
    };
    return request;
  }
  bool ended() override { return next_ == requests_.size(); }
  void wake_with(std::function<void()> /*wake*/) override {}

 private:
  std::span<const GenerationRequest> requests_;
  std::vector<GenerationResult>& results_;
  std::size_t next_ = 0;
};

/// Of the rotations of a pass over n tokens: longrope has two lists.
std::uint64_t angles_number(const ModelConfig& config, std::int32_t n) {
  std::uint64_t number = fnv1a("");
  for (const RopeConfig& rope : config.ropes) {
    for (const float frequency : inverse_frequencies(rope, config.head_dim, n))
      number = fnv1a(std::bit_cast<std::uint32_t>(frequency), number);
  }
  return number;
}

}  // namespace

struct Session::State {
  Communicator& world;
  ModelConfig answer_config;
  ModelConfig filter_config;
  ClusterPlan plan;
  FilterProfile filter;
  ComputeOptions options;
  ModelParts parts;
  std::unique_ptr<Communicator> filter_group;  // nullptr on a rank that does not filter
  std::unique_ptr<Communicator> stage_group;   // nullptr on a rank without a stage

  JobReport run(RequestSource& source, const RunLimits& limits);
  std::optional<TextDirectory::Sizes> index_sizes() const;
  void run_first(RequestSource& source, const RunLimits& limits, const RankParts& rank, PhaseClock& clock);
  std::vector<GenerationResult> run(std::span<const GenerationRequest> requests, const RunLimits& limits);
  GenerationResult run_alone(const GenerationRequest& request, const RunLimits& limits);
};

Session::Session(Communicator& world, const ModelConfig& config, const TensorSource& weights, const ClusterPlan& plan,
                 const FilterProfile& filter, const ComputeOptions& options)
    : Session(world, SessionModels(config, weights), plan, filter, options) {}

Session::Session(Communicator& world, const SessionModels& models, const ClusterPlan& plan, const FilterProfile& filter,
                 const ComputeOptions& options)
    : state_(new State{.world = world,
                       .answer_config = models.answer.config,
                       .filter_config = models.filter.config,
                       .plan = plan,
                       .filter = filter,
                       .options = options,
                       .parts = load_parts(models, plan, RankId(world.member()), filter),
                       .filter_group = nullptr,
                       .stage_group = nullptr}) {
  if (!plan.filter_group.empty()) state_->filter_group = world.group(members_of(plan.filter_group));
  for (const StagePlan& stage : plan.stages) {
    auto group = world.group(members_of(stage.ranks));
    if (group) state_->stage_group = std::move(group);
  }
}

Session::~Session() = default;

std::optional<TextDirectory::Sizes> Session::State::index_sizes() const {
  if (filter.window == 0 || options.index_bytes == 0) return std::nullopt;
  return TextDirectory::Sizes{
      .chunk = options.filter_chunk,
      .budget = static_cast<std::size_t>(options.index_bytes),
      .bytes_of = [&](std::int32_t chunks) { return reading_layout(filter_config, filter, options).bytes(chunks); }};
}

void Session::State::run_first(RequestSource& source, const RunLimits& limits, const RankParts& rank,
                               PhaseClock& clock) {
  EventQueue events(kMostEvents);
  const ModelSize size{
      .vocab = answer_config.vocab,
      .filter_layers = filter.filter_layer().value() + 1,
      .filter_steps = [&](std::int32_t n, std::int32_t from) { return filter_steps(filter, plan, options, n, from); },
      .index = index_sizes(),
      .angles = [&](std::int32_t n) { return angles_number(filter_config, n); }};
  Coordinator coordinator(world, plan, size, source, limits, events);
  Worker worker(rank, limits.sequences, &coordinator, &events, clock);
  Delivery delivery(events, [&] { coordinator.stop(); });
  std::thread coordinating([&] {
    begin_thread("coordinator");
    coordinator.run();
  });
  std::exception_ptr failure;
  try {
    worker.run();
  } catch (const RunFailed&) {  // in the coordinator, or a callback
  } catch (...) {
    failure = std::current_exception();
    coordinator.stop();
  }
  coordinating.join();
  if (failure) std::rethrow_exception(failure);
  coordinator.rethrow_failure();
  delivery.finish();  // of what was answered, also where the source has failed
  coordinator.rethrow_of_source();
}

JobReport Session::State::run(RequestSource& source, const RunLimits& limits) {
  const DrivingThread drives(DrivingThread::Role::worker);
  const RankParts rank{world,  filter_group.get(), stage_group.get(), plan, filter, filter_config, answer_config, parts,
                       options};
  PhaseClock clock(world);
  if (world.member() == 0)
    run_first(source, limits, rank, clock);
  else
    Worker(rank, limits.sequences, nullptr, nullptr, clock).run();
  clock.end();
  return gather_reports(world, clock.phases());
}

std::vector<GenerationResult> Session::State::run(std::span<const GenerationRequest> requests,
                                                  const RunLimits& limits) {
  std::vector<GenerationResult> results(requests.size());
  GivenRequests source(requests, results);
  const JobReport report = run(source, limits);
  for (GenerationResult& result : results) {
    result.phases = report.phases;
    result.ranks = report.ranks;
  }
  return results;
}

GenerationResult Session::State::run_alone(const GenerationRequest& request, const RunLimits& limits) {
  GenerationResult result = std::move(run(std::span(&request, 1), limits).front());
  if (result.error) throw Error(*result.error);
  return result;
}

GenerationResult Session::generate(const GenerationRequest& request) {
  return state_->run_alone(request, {});
}

std::vector<GenerationResult> Session::generate(std::span<const GenerationRequest> requests, std::int32_t sequences) {
  return state_->run(requests, {.sequences = sequences});
}

JobReport Session::generate(RequestSource& source, std::int32_t sequences) {
  return state_->run(source, {.sequences = sequences});
}

std::vector<float> Session::logits(const std::vector<TokenId>& prompt, std::int32_t rows) {
  GEMRING_CHECK(state_->plan.method == Method::full, "logits of a compressed prompt");
  GenerationRequest request;
  request.prompt = prompt;
  request.stop.max_new_tokens = 0;
  return std::move(state_->run_alone(request, {.wanted_rows = rows}).logits);
}

}  // namespace gemring

#include "launch/cluster/probe/rates.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "distributed/comm/control.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/kernels/memory_probe.h"
#include "engine/kernels/probe.h"
#include "engine/model/decoder_layer.h"
#include "launch/cluster/probe/layer_slice.h"

namespace gemring {
namespace {

constexpr std::size_t kHostBytes = std::size_t{512} << 20;  // of weights and of keys: more than most caches
constexpr int kRuns = 3;                                    // and one to warm up
constexpr int kTurns = 8;                                   // behind the first, as many as there is time for

/// Seconds of the first write of so much memory for each thread, GB/s of one thread.
double measure_new_memory(std::size_t bytes) {
  const auto threads = static_cast<std::size_t>(omp_get_max_threads());
  Buffer<std::byte> memory(bytes * threads);
  const double start = steady_seconds();
#pragma omp parallel
  std::memset(memory.data() + static_cast<std::size_t>(omp_get_thread_num()) * bytes, 1, bytes);
  return static_cast<double>(bytes) * 1e-9 / (steady_seconds() - start);
}

}  // namespace

struct RateProbe::State {
  const Job& job;
  ProbeShape shape;
  int local;
  int local_ranks;
  std::vector<std::unique_ptr<LayerSlice>> slices;
  double deadline = 0;
  bool measures = true;

  /// What is timed once by all, and then again in turn as long as there is time: a load that comes and goes slows down
  /// one turn of a measurement, and the fastest counts.
  struct Measurement {
    std::function<double(int runs)> time;             // seconds: the fastest of `runs` and one more
    std::function<void(ThreadRates&, double)> write;  // what these say of a thread
    double seconds = std::numeric_limits<double>::infinity();
    double took = 0;  // a run, with all that belongs to it
  };
  std::vector<Measurement> measurements{};

  std::size_t own_share() const { return kHostBytes / static_cast<std::size_t>(local_ranks); }

  /// All ranks begin a measurement together, or none does: where one expects more seconds than are left.
  bool begin(double expected) const {
    const double left = deadline - steady_seconds() - (measures ? expected : 0);
    const std::vector<double> all = all_gather_control(job.world, left);
    return *std::min_element(all.begin(), all.end()) > 0;
  }

  void run(Measurement& measurement, int runs) const {
    if (!measures) return;
    const double start = steady_seconds();
    measurement.seconds = std::min(measurement.seconds, measurement.time(runs));
    measurement.took = (steady_seconds() - start) / (runs + 1);
  }

  /// Returns the seconds of a run; nothing where there is no time for it. What no plan can do without expects nothing
  /// and runs however late it is.
  std::optional<double> add(std::optional<double> expected, Measurement measurement) {
    const int runs = expected.value_or(0) > 0.25 ? 1 : kRuns;
    if (expected && !begin((runs + 1) * *expected)) return std::nullopt;
    run(measurement, runs);
    measurements.push_back(std::move(measurement));
    return measurements.back().seconds;
  }

  void run_again() {
    bool ran = true;
    for (int turn = 0; turn < kTurns && ran; ++turn) {
      ran = false;
      for (Measurement& measurement : measurements) {
        if (!begin(2 * measurement.took)) continue;
        run(measurement, 1);  // a first one touches new memory
        ran = true;
      }
    }
  }

  void limits(ThreadRates& rates) const {
    const double threads = omp_get_max_threads();
    if (!begin(0) || !measures) return;
    rates.f32_gflops = measure_f32_fma_gflops() / threads;
    rates.bf16_gflops = measure_bf16_gflops().value_or(0) / threads;
    rates.int8_gops = measure_int8_gops().value_or(0) / threads;
    rates.new_memory_gbs = measure_new_memory(std::size_t{64} << 20);
  }

  void memory() {
    const double threads = omp_get_max_threads();
    const auto probe = measures ? std::make_shared<MemoryProbe>(own_share()) : nullptr;
    const auto time = [probe](int runs) {  // of a GB
      double best = 0;
      for (int pass = 0; pass < runs + 1; ++pass) best = std::max(best, probe->read_gbs());
      return 1 / best;
    };
    add(std::nullopt,
        {time, [threads](ThreadRates& rates, double seconds) { rates.memory_gbs = 1 / seconds / threads; }});
  }

  /// Every type of weights in short steps before any of them in longer ones: those are what there may be no time for.
  void layers() {
    const std::size_t longest = token_block(active_compute());
    std::vector<double> second(slices.size(), 0);  // of a token, in the longest step so far
    for (std::size_t tokens : {std::size_t{1}, std::size_t{64}, std::size_t{512}, std::size_t{2048}}) {
      if (tokens > longest) break;
      for (std::size_t i = 0; i < slices.size(); ++i) {
        // A matrix of weights is read once a step: longer ones are no slower for each token.
        const auto seconds = add_layers(*slices[i], tokens, second[i]);
        if (!seconds) {
          if (job.first()) log_info("no time for layers of {} tokens: those of fewer count", tokens);
          return;
        }
        if (tokens > 1 && measures) second[i] = *seconds / static_cast<double>(tokens);
      }
    }
  }

  std::optional<double> add_layers(LayerSlice& slice, std::size_t tokens, double second) {
    const double threads = omp_get_max_threads();
    const auto write = [&slice, tokens, threads, compute = active_compute()](ThreadRates& rates, double seconds) {
      rates.layers.push_back({slice.type(), type_of_products(compute, tokens, slice.type()),
                              static_cast<std::int32_t>(tokens),
                              static_cast<double>(tokens) * slice.flop_per_token() * 1e-9 / seconds / threads});
    };
    const std::optional<double> expected =
        tokens == 1 ? std::nullopt : std::optional(second * static_cast<double>(tokens));
    return add(expected, {[&slice, tokens](int runs) { return slice.seconds(tokens, runs); }, write});
  }

  void attention() {
    const double threads = omp_get_max_threads();
    struct Case {
      std::size_t queries, keys;
      bool needed = false;
    };
    double rate = 0;
    for (const Case& each :
         {Case{1, 1024, true}, Case{512, 512, true}, Case{1, 16384}, Case{2048, 2048}, Case{512, 8192}}) {
      const double flop = 4.0 * static_cast<double>(each.queries * each.keys) * shape.config.query_width();
      std::shared_ptr<AttentionSlice> slice;
      if (measures)
        slice = std::make_shared<AttentionSlice>(shape.config, shape.kv_type, each.queries, each.keys,
                                                 each.queries == 1 ? own_share() / 4 : 0);
      const auto write = [this, slice, each, threads](ThreadRates& rates, double seconds) {
        rates.attention.push_back({shape.config.head_dim, static_cast<std::int32_t>(each.queries), slice->mean_keys(),
                                   slice->flop() * 1e-9 / seconds / threads});
      };
      const std::optional<double> expected = each.needed ? std::nullopt : std::optional(flop / rate);
      const auto seconds = add(expected, {[slice](int runs) { return slice->seconds(runs); }, write});
      if (!seconds) {
        if (job.first()) log_info("no time for attention to {} keys: that to fewer counts", each.keys);
        break;
      }
      if (each.queries > 1 && measures) rate = slice->flop() / *seconds;
    }
  }

  ThreadRates rates() {
    ThreadRates made;
    limits(made);
    memory();
    layers();
    attention();
    run_again();
    for (const Measurement& measurement : measurements) {
      if (measures) measurement.write(made, measurement.seconds);
    }
    measurements.clear();
    return made;
  }
};

RateProbe::RateProbe(const Job& job, const ProbeShape& shape, int local, int local_ranks)
    : state_(new State{job, shape, local, local_ranks, {}}) {
  const std::size_t bytes = state_->own_share() / shape.weights.size();
  for (const DataType type : shape.weights) {
    state_->slices.push_back(std::make_unique<LayerSlice>(shape.config, type, shape.kv_type, bytes));
  }
}

RateProbe::~RateProbe() = default;

ThreadRates RateProbe::measure(ProbeMode mode, double deadline) {
  State& state = *state_;
  state.deadline = deadline;
  const int all_threads = omp_get_max_threads();
  const bool one_thread = mode == ProbeMode::alone && state.local_ranks == 1;
  state.measures = mode == ProbeMode::together || state.local == 0;
  if (one_thread) omp_set_num_threads(1);
  ThreadRates rates = state.rates();
  rates.busy_threads = one_thread ? 1 : all_threads * (mode == ProbeMode::together ? state.local_ranks : 1);
  if (one_thread) omp_set_num_threads(all_threads);
  return rates;
}

}  // namespace gemring

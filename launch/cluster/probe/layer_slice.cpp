#include "launch/cluster/probe/layer_slice.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "engine/base/clock.h"
#include "engine/model/rope.h"
#include "launch/measure/kernel_rates/operands.h"

namespace gemring {
namespace {

constexpr std::size_t kPatternElements = std::size_t{1} << 18;

/// Stands in for attention: keys and values are written as always, queries stay what they are.
class NoAttention : public Attention {
 public:
  explicit NoAttention(KvCache& cache) : cache_(cache) {}
  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override {
    cache_.write(layer, first_row, k, v);
  }
  void attend(LayerIndex, HeadsView<float>, std::span<const GlobalPosition>, const AttentionShape&) override {}

 private:
  KvCache& cache_;
};

ModelConfig slice_of(ModelConfig config) {
  const std::int64_t hidden = config.hidden;
  const std::int64_t attention = 2 * hidden * (config.query_width() + config.kv_width());
  const std::int64_t most_ffn = std::max<std::int64_t>((LayerSlice::kMostWeights - attention) / (3 * hidden), 256);
  if (config.ffn > most_ffn) config.ffn = static_cast<std::int32_t>(most_ffn / 256 * 256);
  return config;
}

bool has_whole_blocks(const ModelConfig& config, DataType type) {
  const auto block = static_cast<std::int32_t>(block_elements(type));
  return config.hidden % block == 0 && config.ffn % block == 0 && config.query_width() % block == 0;
}

/// The same piece of random weights over and over: timing does not see it, and it is made in no time.
void fill(std::byte* data, std::size_t bytes, const Buffer<std::byte>& pattern) {
  const std::size_t pieces = (bytes + pattern.size() - 1) / pattern.size();
#pragma omp parallel for schedule(static)
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    const std::size_t begin = piece * pattern.size();
    std::memcpy(data + begin, pattern.data(), std::min(pattern.size(), bytes - begin));
  }
}

/// Of `runs` and one more, which warms up. Other loads make a run slow, never fast.
template <class Work>
double fastest_of(int runs, Work work) {
  double fastest = std::numeric_limits<double>::infinity();
  for (int run = -1; run < runs; ++run) {
    const double start = steady_seconds();
    work();
    fastest = std::min(fastest, steady_seconds() - start);
  }
  return fastest;
}

std::vector<GlobalPosition> first_positions(std::size_t count) {
  std::vector<GlobalPosition> positions;
  positions.reserve(count);
  for (std::size_t i = 0; i < count; ++i) positions.emplace_back(i);
  return positions;
}

}  // namespace

LayerSlice::LayerSlice(const ModelConfig& shape, DataType type, DataType kv_type, std::size_t bytes)
    : config_(slice_of(shape)),
      type_(has_whole_blocks(config_, type) ? type : DataType::bf16),
      kv_type_(kv_type),
      ones_(static_cast<std::size_t>(std::max(config_.hidden, config_.head_dim)), 1.0f) {
  const auto weights = static_cast<std::size_t>(flop_per_token() / 2);
  const std::size_t bytes_of_layer = weights / block_elements(type_) * block_bytes(type_);
  const auto wanted = std::clamp<std::size_t>(bytes / bytes_of_layer, 1, config_.layers.size());
  for (std::size_t layer = 0; layer < wanted; ++layer) layers_.emplace_back(config_, LayerIndex(0), make_layer());
}

std::shared_ptr<const LayerWeights> LayerSlice::make_layer() {
  Buffer<float> numbers = random_floats(kPatternElements, 7);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] *= 0.04f;  // as weights are: activations stay in range
  const Buffer<std::byte> pattern = stored_weights(type_, numbers);
  const auto projection = [&](std::int32_t outputs, std::int32_t inputs) {
    Buffer<std::byte>& data =
        memory_.emplace_back(static_cast<std::size_t>(outputs) * row_bytes(type_, static_cast<std::size_t>(inputs)));
    fill(data.data(), data.size(), pattern);
    Projection made;
    made.weight.matrix = {type_, data.data(), static_cast<std::size_t>(outputs), static_cast<std::size_t>(inputs)};
    return made;
  };
  const auto ones = [&](std::int32_t count) { return std::vector<float>(ones_.begin(), ones_.begin() + count); };
  auto layer = std::make_shared<LayerWeights>();
  layer->input_norm = ones(config_.hidden);
  layer->mlp_norm = ones(config_.hidden);
  if (config_.layer(LayerIndex(0)).qk_norm) layer->q_norm = layer->k_norm = ones(config_.head_dim);
  layer->q = projection(config_.query_width(), config_.hidden);
  layer->k = projection(config_.kv_width(), config_.hidden);
  layer->v = projection(config_.kv_width(), config_.hidden);
  layer->o = projection(config_.hidden, config_.query_width());
  layer->gate = projection(config_.ffn, config_.hidden);
  layer->up = projection(config_.ffn, config_.hidden);
  layer->down = projection(config_.hidden, config_.ffn);
  return layer;
}

double LayerSlice::flop_per_token() const {
  return 2.0 * config_.hidden * (2.0 * config_.query_width() + 2.0 * config_.kv_width() + 3.0 * config_.ffn);
}

double LayerSlice::seconds(std::size_t tokens, int runs) {
  const auto positions = first_positions(tokens);
  const RopeTables ropes(config_, static_cast<std::int32_t>(tokens), positions);
  const StepRows rows{positions, &ropes, 0};
  LayerWorkspace work(config_, tokens, tokens);
  KvCache cache(kv_shape(config_, kv_type_), LayerIndex(0), 1, tokens);
  cache.begin_step(positions);
  NoAttention attention(cache);
  Buffer<float> activations = random_floats(tokens * static_cast<std::size_t>(config_.hidden), 8);
  const MatrixView<float> x(activations.data(), tokens, static_cast<std::size_t>(config_.hidden));
  const std::size_t times = tokens == 1 ? layers_.size() : 1;  // one token is over before a clock is
  return fastest_of(runs,
                    [&] {
                      for (std::size_t i = 0; i < times; ++i) {
                        layers_[next_++ % layers_.size()].forward(x, rows, tokens, attention, work);
                      }
                    }) /
         static_cast<double>(times);
}

AttentionSlice::AttentionSlice(const ModelConfig& shape, DataType kv_type, std::size_t queries, std::size_t keys,
                               std::size_t bytes)
    : heads_(static_cast<std::size_t>(shape.heads)),
      kv_heads_(static_cast<std::size_t>(shape.kv_heads)),
      head_dim_(static_cast<std::size_t>(shape.head_dim)),
      queries_(queries),
      keys_(keys),
      kv_type_(kv_type),
      q_(random_floats(queries * heads_ * head_dim_, 3)),
      o_(q_.size()),
      m_(queries * heads_),
      l_(queries * heads_),
      scratch_(heads_, kv_heads_, head_dim_) {
  const std::size_t of_keys = row_bytes(kv_type, keys * kv_heads_ * head_dim_);
  copies_ = std::max<std::size_t>(bytes / (2 * of_keys), 1);
  kv_ = Buffer<std::byte>(copies_ * 2 * of_keys);
  fill(kv_.data(), kv_.size(), stored_weights(kv_type, random_floats(kPatternElements, 4)));
  for (std::size_t i = 0; i < queries; ++i) {
    seen_.push_back({0, static_cast<std::int32_t>(keys - queries + i) + 1});
  }
}

double AttentionSlice::seconds(int runs) {
  const std::size_t of_keys = kv_.size() / (2 * copies_);
  const std::size_t times = queries_ == 1 ? copies_ : 1;
  return fastest_of(runs,
                    [&] {
                      for (std::size_t i = 0; i < times; ++i) {
                        const std::byte* keys = kv_.data() + next_++ % copies_ * 2 * of_keys;
                        const KeysValues kv{kv_type_, keys, keys + of_keys, keys_, kv_heads_, head_dim_};
                        attend({q_.data(), queries_, heads_, head_dim_}, kv, seen_,
                               {{o_.data(), queries_, heads_, head_dim_},
                                {m_.data(), queries_, heads_},
                                {l_.data(), queries_, heads_}},
                               StateUse::start_and_finish, scratch_);
                      }
                    }) /
         static_cast<double>(times);
}

double AttentionSlice::mean_keys() const {
  return static_cast<double>(keys_) - (static_cast<double>(queries_) - 1) / 2;
}

double AttentionSlice::flop() const {
  return 4.0 * static_cast<double>(queries_ * heads_ * head_dim_) * mean_keys();
}

}  // namespace gemring

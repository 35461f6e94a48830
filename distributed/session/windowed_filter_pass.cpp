#include "distributed/session/windowed_filter_pass.h"

#include <algorithm>
#include <utility>

#include "distributed/session/filter_rows.h"
#include "engine/attention/local_attention.h"
#include "engine/base/check.h"
#include "engine/base/trace.h"
#include "engine/kernels/elementwise.h"

namespace gemring {
namespace {

constexpr std::size_t kScoredRows = 4096;  // at a time: their keys in f32 are scratch

}  // namespace

/// Attention of a layer of one chunk. What the chunk before left comes in late, so that it may take its time.
class WindowedFilterPass::ChunkAttention final : public Attention {
 public:
  ChunkAttention(WindowCache& cache, const WindowSizes& sizes, std::size_t heads)
      : inner_(cache, heads, static_cast<std::size_t>(sizes.chunk)), sizes_(sizes) {}

  std::function<void(LayerIndex)> exchange;

  void write(LayerIndex layer, std::size_t first_row, HeadsView<const float> k, HeadsView<const float> v) override {
    inner_.write(layer, first_row, k, v);
  }
  /// A layer that has a window of its own was made without sinks.
  void attend(LayerIndex layer, HeadsView<float> q, std::span<const GlobalPosition> positions,
              const AttentionShape& shape) override {
    exchange(layer);
    inner_.attend(
        layer, q, positions,
        {.window = std::min(shape.window, sizes_.window), .sinks = shape.window == kNoWindow ? sizes_.sinks : 0});
  }

 private:
  LocalAttention inner_;
  WindowSizes sizes_;
};

/// What the chunk at hand needs.
struct WindowedFilterPass::Scratch {
  Scratch(const WindowedFilterPass& pass, std::size_t rows)
      : work(pass.config_, rows, rows),
        cache(kv_shape(pass.config_, pass.options_.kv_type), pass.sizes_),
        attention(cache, pass.sizes_, static_cast<std::size_t>(pass.config_.heads)),
        activations(rows * static_cast<std::size_t>(pass.config_.hidden)),
        sink_keys(static_cast<std::size_t>(pass.sizes_.sinks * pass.config_.kv_width())) {}

  LayerWorkspace work;
  WindowCache cache;
  ChunkAttention attention;
  Buffer<float> activations;  // [rows, hidden]
  Buffer<float> sink_keys;    // [sinks, kv_heads, head_dim], turned
  RopeTables ropes;           // of these
  RopeTables turns;           // of the sinks
};

/// Halos of every layer, on their way to this rank and from it.
class WindowedFilterPass::Halos {
 public:
  /// Nobody sends what was left to `first_chunk`: the pass begins there.
  Halos(Communicator& group, const ChunkDeal& deal, std::int32_t first_chunk, std::size_t layers, const KvShape& shape,
        const WindowSizes& sizes)
      : group_(group), deal_(deal), first_chunk_(first_chunk), incoming_(layers), outgoing_(layers) {
    for (std::size_t layer = 0; layer < layers; ++layer) {
      in_.emplace_back(shape, sizes);
      if (group.size() > 1) out_.emplace_back(shape, sizes);
    }
  }

  /// Receives of what chunk - 1 leaves, if another member has it, and they are not posted yet.
  void expect(std::int32_t chunk) {
    if (chunk <= expected_ || chunk >= deal_.chunks()) return;
    expected_ = chunk;
    if (chunk == first_chunk_ || deal_.owner(chunk - 1) == group_.member()) return;
    for (std::size_t layer = 0; layer < in_.size(); ++layer)
      incoming_[layer] = group_.receive(in_[layer].bytes(), deal_.owner(chunk - 1), MessageKind::ring);
  }

  /// Of the chunk before the one that was expected last.
  WindowHalo& taken(LayerIndex layer) {
    incoming_[layer.index()].wait();
    return in_[layer.index()];
  }

  /// Of `chunk`, whose keys and values are in `cache`, for the chunk behind it.
  void leave(std::int32_t chunk, LayerIndex layer, const WindowCache& cache) {
    if (chunk + 1 == deal_.chunks()) return;
    const int next = deal_.owner(chunk + 1);
    if (next == group_.member()) return cache.leave(in_[layer.index()]);
    Transfer& sending = outgoing_[layer.index()];
    sending.wait();
    WindowHalo& halo = out_[layer.index()];
    cache.leave(halo);
    sending = group_.send(halo.bytes(), next, MessageKind::ring);
  }

 private:
  Communicator& group_;
  const ChunkDeal& deal_;
  std::int32_t first_chunk_;
  std::vector<WindowHalo> in_, out_;
  std::vector<Transfer> incoming_, outgoing_;
  std::int32_t expected_ = -1;
};

WindowedFilterPass::WindowedFilterPass(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                                       const ComputeOptions& options, ChunkDeal deal, const AskingTokens& asking,
                                       std::span<const TokenId> prompt, const ReadingOrder& reading,
                                       const KeptReading* before)
    : group_(group),
      config_(config),
      parts_(parts),
      options_(options),
      deal_(std::move(deal)),
      sizes_{parts.profile->window, parts.profile->sinks, deal_.length()},
      reading_(reading),
      rows_read_before_(rows_before(reading.from_chunk)),
      positions_(deal_.positions_of(group.member())),
      asking_(asking),
      keys_(std::make_shared<KeySegment>()),
      rows_done_(rows_read_before_),
      next_round_(reading.from_chunk / deal_.members()) {
  const TraceSpan span("set up filter", SpanKind::set_up, positions_.size());
  const GlobalPosition first_read(reading.from_chunk * deal_.length());
  GEMRING_CHECK(asking_.first >= first_read, "token {} asks, and what is before {} is not read", asking_.first.value(),
                first_read.value());
  const auto read_now = [&](int member) {
    std::vector<GlobalPosition> all = deal_.positions_of(member);
    all.erase(all.begin(), std::lower_bound(all.begin(), all.end(), first_read));
    return all;
  };
  ids_ = scatter_ids(group, read_now, prompt);
  if (before != nullptr) take_from(*before);
  const KvShape shape = kv_shape(config, options.kv_type);
  for (std::size_t layer = 0; layer < parts.scoring.size(); ++layer)
    keys_->keys.emplace_back((positions_.size() - rows_read_before_) * shape.bytes_per_token());
  scores_ = Buffer<float>(positions_.size() * columns());
  queries_ = Buffer<float>(parts.scoring.size() * static_cast<std::size_t>(asking_.count * config.query_width()));
  halos_ = std::make_unique<Halos>(group, deal_, reading_.from_chunk, parts.layers.size(), shape, sizes_);
}

WindowedFilterPass::~WindowedFilterPass() = default;

std::size_t WindowedFilterPass::rows_before(std::int32_t chunk) const {
  std::size_t rows = 0;
  for (std::int32_t own = deal_.next_of(group_.member(), -1); own < chunk; own = deal_.next_of(group_.member(), own))
    rows += static_cast<std::size_t>(deal_.range(own).size());
  return rows;
}

void WindowedFilterPass::take_from(const KeptReading& before) {
  std::size_t rows = 0;
  for (const KeptReading::Part& part : before.parts) {
    const std::size_t taken = std::min(part.rows, rows_read_before_ - rows);
    if (taken > 0) parts_before_.push_back({part.segment, taken});
    rows += taken;
  }
  GEMRING_CHECK(rows == rows_read_before_, "{} rows were kept, {} are wanted", rows, rows_read_before_);
  for (const auto& [chunk, halos] : before.halos) {
    if (chunk <= reading_.from_chunk) kept_halos_.emplace(chunk, halos);
  }
}

WindowedFilterPass::Scratch& WindowedFilterPass::scratch() {
  if (!scratch_) {
    scratch_ = std::make_unique<Scratch>(*this, static_cast<std::size_t>(std::min(deal_.positions(), deal_.length())));
  }
  return *scratch_;
}

void WindowedFilterPass::wait() {
  scratch_.reset();
}

void WindowedFilterPass::run_step(const Progress& progress) {
  const auto [begin, end] = deal_.round(next_round_++);
  for (std::int32_t chunk = deal_.next_of(group_.member(), std::max(begin, reading_.from_chunk) - 1); chunk < end;
       chunk = deal_.next_of(group_.member(), chunk)) {
    halos_->expect(chunk);
    run_chunk(chunk, progress);
  }
  // Messages of other passes may follow on the same way, so receives of what this round sends are posted within it.
  const std::int32_t next = deal_.next_of(group_.member(), end - 1);
  if (next == end) halos_->expect(next);
}

void WindowedFilterPass::run_chunk(std::int32_t chunk, const Progress& progress) {
  Scratch& scratch = this->scratch();
  const PositionRange range = deal_.range(chunk);
  const auto rows = static_cast<std::size_t>(range.size());
  const std::span<const GlobalPosition> positions = std::span(positions_).subspan(rows_done_, rows);
  scratch.ropes = RopeTables(config_, deal_.positions(), positions, RopeAngles::exact);
  scratch.turns =
      RopeTables::turns(config_, deal_.positions(),
                        std::vector<GlobalPosition>(static_cast<std::size_t>(sizes_.sinks),
                                                    GlobalPosition(WindowCache::sink_shift(range.begin, sizes_))));
  scratch.cache.begin_step(positions);
  scratch.attention.exchange = [&](LayerIndex layer) { exchange(chunk, layer); };
  const MatrixView<float> x(scratch.activations.data(), rows, static_cast<std::size_t>(config_.hidden));
  parts_.embedding->gather(std::span(ids_).subspan(rows_done_ - rows_read_before_, rows), x);
  const StepRows step{positions, &scratch.ropes, 0};
  for (std::size_t layer = 0; layer < parts_.layers.size(); ++layer) {
    note_layer(LayerIndex(layer), x, step);
    parts_.layers[layer].forward(x, step, rows, scratch.attention, scratch.work);
    if (progress) progress(static_cast<double>(layer + 1) / static_cast<double>(parts_.layers.size() + 1));
  }
  note_layer(LayerIndex(parts_.layers.size()), x, step);
  rows_done_ += rows;
}

void WindowedFilterPass::exchange(std::int32_t chunk, LayerIndex layer) {
  WindowCache& cache = scratch_->cache;
  if (chunk > 0) {
    const bool was_kept = chunk == reading_.from_chunk;
    WindowHalo& halo = was_kept ? kept_halos_.at(chunk)->at(layer.index()) : halos_->taken(layer);
    if (!was_kept) keep_halo(chunk, layer, halo);
    const auto kv_heads = static_cast<std::size_t>(config_.kv_heads);
    const HeadsView<float> turned(scratch_->sink_keys.data(), static_cast<std::size_t>(sizes_.sinks), kv_heads,
                                  static_cast<std::size_t>(config_.head_dim));
    std::copy_n(halo.sink_keys().data(), turned.size(), turned.data());
    if (sizes_.sinks > 0) rotate(turned, scratch_->turns.rows(config_.layer(layer).rope, 0, turned.tokens()));
    cache.take(halo, turned);
  }
  halos_->leave(chunk, layer, cache);
}

void WindowedFilterPass::keep_halo(std::int32_t chunk, LayerIndex layer, WindowHalo& halo) {
  if (!keeps_halos(chunk, reading_.keep_chunks)) return;
  auto& halos = kept_halos_[chunk];
  if (!halos) halos = std::make_shared<std::vector<WindowHalo>>();
  WindowHalo& copy = halos->emplace_back(kv_shape(config_, options_.kv_type), sizes_);
  GEMRING_CHECK(halos->size() == layer.index() + 1, "layer {} of {}", layer.value(), halos->size());
  std::copy_n(halo.bytes().data(), halo.size(), copy.bytes().data());
}

KeptReading WindowedFilterPass::kept() {
  KeptReading kept{parts_before_, kept_halos_};
  const std::size_t rows = rows_before(reading_.keep_chunks) - rows_read_before_;
  if (rows > 0) kept.parts.push_back({keys_, rows});
  return kept;
}

/// Keys of the rows, and their queries where they are asked.
void WindowedFilterPass::note_layer(LayerIndex layer, MatrixView<float> x, const StepRows& rows) {
  if (heads_in(*parts_.profile, layer).empty()) return;
  const ScoringLayer& scoring = scoring_layer(parts_.scoring, layer);
  const auto index = static_cast<std::size_t>(&scoring - parts_.scoring.data());
  const KvShape shape = kv_shape(config_, options_.kv_type);
  scoring.keys(x, rows, scratch_->work, [&](std::size_t begin, HeadsView<const float> k) {
    const std::size_t row = rows_done_ - rows_read_before_ + begin;
    narrow(k.data(), shape.type, keys_->keys[index].data() + row * shape.bytes_per_token(), k.size());
  });
  own_queries(scoring, x, rows, asking_, queries(index), scratch_->work);
}

std::size_t WindowedFilterPass::columns() const {
  return parts_.profile->heads.size() * static_cast<std::size_t>(asking_.count);
}

MatrixView<float> WindowedFilterPass::queries(std::size_t scoring) {
  const auto rows = static_cast<std::size_t>(asking_.count), width = static_cast<std::size_t>(config_.query_width());
  return {queries_.data() + scoring * rows * width, rows, width};
}

void WindowedFilterPass::score_rows(std::size_t layer, MatrixView<const float> queries, const std::byte* stored,
                                    std::size_t begin, std::size_t end) {
  const KvShape shape = kv_shape(config_, options_.kv_type);
  const ScoringLayer& scoring = parts_.scoring[layer];
  const std::span<const ScoringHead> heads = heads_in(*parts_.profile, scoring.layer());
  Buffer<float> memory((end - begin) * shape.kv_heads * shape.head_dim);
  const HeadsView<float> keys(memory.data(), end - begin, shape.kv_heads, shape.head_dim);
  widen(shape.type, stored, memory.data(), memory.size());
  const GlobalPosition farthest(std::max(deal_.positions() - config_.max_positions, 0));  // that the model knows
  if (positions_[begin] < farthest) {
    std::vector<GlobalPosition> turns;
    for (std::size_t row = begin; row < end; ++row) turns.emplace_back(std::max(farthest - positions_[row], 0));
    rotate(keys, RopeTables::turns(config_, deal_.positions(), turns).rows(scoring.shape().rope, 0, turns.size()));
  }
  const std::size_t first =
      static_cast<std::size_t>(heads.data() - parts_.profile->heads.data()) * static_cast<std::size_t>(asking_.count);
  for (std::size_t column = 0; column < queries.rows(); ++column) {
    score_keys({queries.row(column), queries.cols()}, keys,
               {scores_.data() + (first + column) * positions_.size() + begin, end - begin});
  }
}

std::vector<float> WindowedFilterPass::score() {
  GEMRING_CHECK(next_round_ == deal_.rounds(), "behind round {} of {}", next_round_, deal_.rounds());
  wait();
  std::vector<KeptReading::Part> parts = parts_before_;
  parts.push_back({keys_, positions_.size() - rows_read_before_});
  const std::size_t row_bytes = kv_shape(config_, options_.kv_type).bytes_per_token();
  for (std::size_t layer = 0; layer < parts_.scoring.size(); ++layer) {
    share_queries(
        group_, [&](GlobalPosition position) { return deal_.owner(position.value() / deal_.length()); }, asking_,
        queries(layer));
    const std::span<const ScoringHead> heads = heads_in(*parts_.profile, parts_.scoring[layer].layer());
    const std::vector<float> asked = queries_of(queries(layer), config_, heads);
    const MatrixView<const float> of_heads(asked.data(), heads.size() * queries(layer).rows(), queries(layer).cols());
    std::size_t done = 0;
    for (const KeptReading::Part& part : parts) {
      for (std::size_t begin = 0; begin < part.rows; begin += kScoredRows) {
        const std::size_t end = std::min(begin + kScoredRows, part.rows);
        score_rows(layer, of_heads, part.segment->keys[layer].data() + begin * row_bytes, done + begin, done + end);
      }
      done += part.rows;
    }
  }
  return gather_scores(
      group_, [&](int member) { return deal_.positions_of(member); }, scores_.span(), columns(),
      static_cast<std::size_t>(deal_.positions()));
}

}  // namespace gemring

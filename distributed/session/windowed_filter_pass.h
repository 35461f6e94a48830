// The windowed filter pass: layers below r see the sink tokens and a window, only products that score reach all keys
// (ILRe, arXiv 2508.17892, with sinks as in StreamingLLM, arXiv 2309.17453). Time and memory are linear in the text.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "distributed/plan/chunk_deal.h"
#include "distributed/session/filter_pass.h"
#include "engine/attention/window_cache.h"
#include "engine/selection/asking_tokens.h"
#include "engine/tensor/buffer.h"

namespace gemring {

/// Chunks go through all layers one after the other. In each layer a chunk needs what the one before left there (a
/// WindowHalo), whose member is a layer ahead: a wave. C(c, l) is layer l of chunk c, H(c, l) its halo:
///
///     C(c, l) needs C(c, l - 1) and H(c - 1, l); H(c, l) leaves as soon as keys and values of C(c, l) are there,
///     before its attention and MLP.
///
///     three members, one round   member 0: C(0, 0)  C(0, 1)  C(0, 2) ..
///                                member 1:      C(1, 0)  C(1, 1)  C(1, 2) ..       H(0, l) -> member 1
///                                member 2:           C(2, 0)  C(2, 1)  C(2, 2) ..  H(1, l) -> member 2, H(2, l) -> 0
///
/// Keys stand at the positions of the text, with exact angles; the sinks are turned to right before each chunk's
/// window. A product that scores over more positions than the model knows is that of a key at the longest distance it
/// knows.
///
/// Memory of a rank, for the s tokens of its chunks: keys [s, kv_heads, head_dim] of each layer that scores in the
/// cache's type, scores [heads, s]; besides, whatever s is, two halos for each layer (one, alone), and the scratch of a
/// chunk, of which a pass that waits for another one holds nothing.
class WindowedFilterPass final : public FilterPass {
 public:
  /// prompt: all ids on the group's first rank, elsewhere empty. `deal`: the same on every rank of the group
  /// (ClusterPlan::filter_deal). `before`: what reading.from names, this rank's part. Requires: the asking tokens stand
  /// in chunks that are read.
  WindowedFilterPass(Communicator& group, const ModelConfig& config, const FilterParts& parts,
                     const ComputeOptions& options, ChunkDeal deal, const AskingTokens& asking,
                     std::span<const TokenId> prompt, const ReadingOrder& reading = {},
                     const KeptReading* before = nullptr);
  ~WindowedFilterPass() override;

  /// A round of chunks.
  void run_step(const Progress& progress) override;
  std::vector<float> score() override;
  void wait() override;
  KeptReading kept() override;

 private:
  class ChunkAttention;
  struct Scratch;
  class Halos;
  Scratch& scratch();
  void run_chunk(std::int32_t chunk, const Progress& progress);
  /// Before attention of a layer, whose keys and values are there: takes what the chunk before left, and hands on.
  void exchange(std::int32_t chunk, LayerIndex layer);
  /// Of what was left to `chunk`, where it is to be kept.
  void keep_halo(std::int32_t chunk, LayerIndex layer, WindowHalo& halo);
  std::size_t rows_before(std::int32_t chunk) const;  // of this rank
  void take_from(const KeptReading& before);
  void note_layer(LayerIndex layer, MatrixView<float> x, const StepRows& rows);
  std::size_t columns() const;
  /// Of the layer parts_.scoring[scoring].
  MatrixView<float> queries(std::size_t scoring);
  /// Rows [begin, end) with the heads of a scoring layer.   queries: [its columns, query_width]; stored: keys of the
  /// rows
  void score_rows(std::size_t layer, MatrixView<const float> queries, const std::byte* stored, std::size_t begin,
                  std::size_t end);

  Communicator& group_;
  const ModelConfig& config_;
  FilterParts parts_;
  ComputeOptions options_;
  ChunkDeal deal_;
  WindowSizes sizes_;
  ReadingOrder reading_;
  std::size_t rows_read_before_;                 // of this rank's rows
  std::vector<GlobalPosition> positions_;        // of all this rank's rows
  std::vector<TokenId> ids_;                     // of those that were not read before
  AskingTokens asking_;                          // whose queries score
  std::vector<KeptReading::Part> parts_before_;  // keys of what was read before
  std::shared_ptr<KeySegment> keys_;             // of the other rows
  std::map<std::int32_t, std::shared_ptr<std::vector<WindowHalo>>> kept_halos_;
  Buffer<float> queries_;  // [scoring layers, asking, query_width]
  Buffer<float> scores_;   // [columns, rows]
  std::size_t rows_done_;
  std::int32_t next_round_;
  std::unique_ptr<Halos> halos_;
  std::unique_ptr<Scratch> scratch_;
};

}  // namespace gemring

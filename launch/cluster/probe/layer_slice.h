// Decoder layers of a model's shape with made-up weights: what a probe times instead of the model.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/attention/kv_cache.h"
#include "engine/kernels/attention/attention.h"
#include "engine/model/decoder_layer.h"

namespace gemring {

class LayerSlice {
 public:
  /// Layers like the model's first, their matrices stored as `type` (bf16 where a row is no whole number of its
  /// blocks), as many as `bytes` hold, one at least and no more than the model has. Wide MLPs are cut to kMostWeights
  /// weights a layer: rates are those of the whole one.
  LayerSlice(const ModelConfig& shape, DataType type, DataType kv_type, std::size_t bytes);

  /// Seconds of the next layers, one after the other, on so many tokens, attention left out, keys and values written:
  /// the fastest of `runs` and one more.
  double seconds(std::size_t tokens, int runs);

  double flop_per_token() const;
  DataType type() const { return type_; }
  std::size_t layers() const { return layers_.size(); }

  static constexpr std::int64_t kMostWeights = std::int64_t{64} << 20;

 private:
  std::shared_ptr<const LayerWeights> make_layer();

  ModelConfig config_;
  DataType type_;
  DataType kv_type_;
  std::vector<Buffer<std::byte>> memory_;
  std::vector<float> ones_;
  std::vector<DecoderLayer> layers_;
  std::size_t next_ = 0;
};

/// Attention of `queries` at the end of `keys` keys, or of one query: keys that no cache holds are read in turn.
class AttentionSlice {
 public:
  AttentionSlice(const ModelConfig& shape, DataType kv_type, std::size_t queries, std::size_t keys, std::size_t bytes);
  double seconds(int runs);  // as LayerSlice's
  double flop() const;
  double mean_keys() const;

 private:
  std::size_t heads_, kv_heads_, head_dim_, queries_, keys_;
  DataType kv_type_;
  std::size_t copies_;
  std::size_t next_ = 0;
  Buffer<std::byte> kv_;  // [copies, 2, keys, kv_heads, head_dim]
  Buffer<float> q_, o_, m_, l_;
  AttentionScratch scratch_;
  std::vector<KeyRange> seen_;
};

}  // namespace gemring

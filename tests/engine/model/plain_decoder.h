// A decoder in double, token by token and without any cache: what a LayerShape means, and the reference of the
// engine's.
#pragma once

#include <string>
#include <vector>

#include "tests/engine/model/memory_tensors.h"

namespace gemring::test {

class PlainDecoder {
 public:
  using Row = std::vector<double>;
  using Rows = std::vector<Row>;

  PlainDecoder(const ModelConfig& config, const MemoryTensors& tensors) : config_(config), tensors_(tensors) {}

  /// Rows of the embedding table.
  Rows embed(const std::vector<int>& ids) const;

  /// One decoder layer; row i stands at positions[i], and sees of rows 0..i those in the layer's window.
  Rows layer(int index, const Rows& x, const std::vector<int>& positions) const;

  /// The same rows' queries, keys or values ("q", "k", "v") in that layer: queries and keys normed and rotated.
  Rows projected(int index, const std::string& kind, const Rows& x, const std::vector<int>& positions) const;

  /// Of one row.
  Row logits(const Row& x) const;

 private:
  Row norm(const Row& x, const std::string& weight) const;
  Row times(const std::string& weight, const Row& x) const;                       // W x
  Row project(const std::string& projection, const Row& x, bool has_bias) const;  // W x + b
  void norm_heads(Row& heads, const std::string& weight) const;
  void rotate(Row& heads, double theta, int position) const;
  Row attend(const Row& q, const Rows& k, const Rows& v, std::size_t begin, std::size_t end, double query_scale) const;

  ModelConfig config_;
  const MemoryTensors& tensors_;
};

/// All rows one behind the other.
std::vector<double> flat(const PlainDecoder::Rows& rows);

}  // namespace gemring::test

// A decoder of the Llama family in double, token by token and without any cache: the reference of the engine's.
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

  /// One decoder layer; row i stands at positions[i], and sees rows 0..i.
  Rows layer(int index, const Rows& x, const std::vector<int>& positions) const;

  /// The same rows' queries or keys ("q" or "k") in that layer, rotated.
  Rows projected(int index, const std::string& kind, const Rows& x, const std::vector<int>& positions) const;

  /// Of one row.
  Row logits(const Row& x) const;

 private:
  Row norm(const Row& x, const std::string& weight) const;
  Row times(const std::string& weight, const Row& x) const;  // W x
  void rotate(Row& heads, int position) const;
  Row attend(const Row& q, const Rows& k, const Rows& v, std::size_t visible) const;

  ModelConfig config_;
  const MemoryTensors& tensors_;
};

/// All rows one behind the other.
std::vector<double> flat(const PlainDecoder::Rows& rows);

}  // namespace gemring::test

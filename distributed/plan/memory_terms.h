// Bytes of what a phase allocates on one rank, by who allocates it. Pure; cost.cpp adds them up.
#pragma once

#include <cstdint>

#include "distributed/plan/cost.h"
#include "distributed/plan/zigzag.h"

namespace gemring {

class MemoryTerms {
 public:
  /// `inputs` outlive this.
  explicit MemoryTerms(const PlanInputs& inputs);

  /// [rows, cols] elements.
  static std::uint64_t matrix(std::int64_t rows, std::int64_t cols, DataType type = DataType::f32);

  std::uint64_t keys_values(std::int64_t tokens, DataType type) const;  // of one layer
  std::uint64_t rotations(std::int64_t positions) const;                // RopeTable
  std::uint64_t partials(std::int64_t queries) const;  // o, m, l of softmax states that are not finished

  /// Activations of `rows` rows, and LayerWorkspace with `queries` of them at a time.
  std::uint64_t layers(std::int64_t rows, std::int64_t queries) const;

  /// LocalAttention of so many queries at a time.
  std::uint64_t local_attention(std::int64_t queries) const;

  /// RingAttention of a member's shard, without its buffers.
  std::uint64_t ring_attention(std::int64_t own) const;
  /// Two blocks to receive into; where the cache has another type also the own block as it is sent.
  std::uint64_t ring_buffers(const ZigzagShards& shards, int member) const;

  /// PassQAttention: scratch, and the states of this rank's queries; queries and states that travel.
  std::uint64_t pass_q(std::int64_t largest, std::int64_t members) const;
  std::uint64_t pass_q_buffers(std::int64_t largest, std::int64_t members) const;

 private:
  std::uint64_t attention_scratch() const;

  const PlanInputs& inputs_;
  const ModelConfig& model_;
  std::int64_t token_block_;
};

}  // namespace gemring

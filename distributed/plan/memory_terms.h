// Bytes of what a phase allocates on one rank, by who allocates it. Pure; cost.cpp adds them up.
#pragma once

#include <cstdint>

#include "distributed/plan/cost.h"
#include "distributed/plan/ring_choice.h"

namespace gemring {

class MemoryTerms {
 public:
  /// Of passes of `model`, one of those of `inputs`, which outlive this.
  MemoryTerms(const PlanInputs& inputs, const PlannedModel& model);
  explicit MemoryTerms(const PlanInputs& inputs) : MemoryTerms(inputs, inputs.answering()) {}

  /// [rows, cols] elements.
  static std::uint64_t matrix(std::int64_t rows, std::int64_t cols, DataType type = DataType::f32);

  std::uint64_t keys_values(std::int64_t tokens, DataType type) const;  // of one layer
  std::uint64_t cache(LayerIndex layer, std::int64_t tokens) const;     // KvCache of that layer
  std::uint64_t rotations(std::int64_t positions) const;                // RopeTables

  /// Activations of `rows` rows, and LayerWorkspace with `queries` of them at a time.
  std::uint64_t layers(std::int64_t rows, std::int64_t queries) const;

  /// LocalAttention of so many queries at a time.
  std::uint64_t local_attention(std::int64_t queries) const;

  /// WindowedFilterPass on one of `members`, with `own` tokens in its chunks. All but `scratch` stays while it waits
  /// for another pass.
  struct Windowed {
    std::uint64_t keys = 0;     // of layers that score, and the halos that this rank keeps
    std::uint64_t scores = 0;   // and ids and positions
    std::uint64_t scratch = 0;  // of a chunk
    std::uint64_t messages = 0;
  };
  Windowed windowed_filter(std::int64_t own, std::int64_t members) const;

  /// GroupAttention on one of `members`: all passes that its chunks need (ring_buffers.h).
  struct Ring {
    std::uint64_t activation_bytes = 0;      // scratch, and states of softmax
    std::uint64_t message_buffer_bytes = 0;  // what travels, and what it becomes
  };
  Ring ring(const RingChoice& choice, std::int64_t members) const;

  /// What PlanInputs::parallel adds on a stage's rank beside caches: rotations and attention of those that decode while
  /// another one is in its prefill.
  std::uint64_t sequences_beside(std::int64_t positions, std::int64_t members) const;
  /// On rank 0: logits and candidates of each of them.
  std::uint64_t sampling() const;

 private:
  std::uint64_t attention_scratch() const;

  const PlanInputs& inputs_;
  const ModelConfig& model_;
  /// Where the layers' matrices are all in blocks, or none is, the types of the others' products do not matter.
  Compute compute_of_layers_;
  std::int64_t token_block_;
};

}  // namespace gemring

#include "distributed/plan/memory_terms.h"

#include <algorithm>

#include "distributed/plan/message_types.h"
#include "engine/base/check.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/linear.h"
#include "engine/kernels/normed_input.h"
#include "engine/model/decoder_layer.h"

namespace gemring {
namespace {

std::size_t size(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

Compute compute_of_layers(const PlanInputs& inputs) {
  Compute compute = inputs.compute;
  bool blocks = false;
  bool others = false;
  for (const TensorInfo& tensor : inputs.tensors) {
    const bool of_layer = tensor.shape.size() == 2 && tensor.shape[0] != inputs.model.vocab;
    (is_block_type(tensor.type) ? blocks : others) |= of_layer;
  }
  if (blocks && !others) compute.many = compute.many_blocks;
  if (others && !blocks) compute.many_blocks = compute.many;
  return compute;
}

}  // namespace

MemoryTerms::MemoryTerms(const PlanInputs& inputs)
    : inputs_(inputs),
      model_(inputs.model),
      compute_of_layers_(compute_of_layers(inputs)),
      token_block_(inputs.token_block > 0 ? inputs.token_block
                                          : static_cast<std::int64_t>(token_block(inputs.compute))) {}

std::uint64_t MemoryTerms::matrix(std::int64_t rows, std::int64_t cols, DataType type) {
  const std::uint64_t elements = static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(cols);
  return (elements + block_elements(type) - 1) / block_elements(type) * block_bytes(type);
}

std::uint64_t MemoryTerms::keys_values(std::int64_t tokens, DataType type) const {
  return 2 * matrix(tokens, model_.kv_width(), type);
}

std::uint64_t MemoryTerms::cache(LayerIndex layer, std::int64_t tokens) const {
  switch (model_.layer(layer).mixer) {
    case Mixer::attention:
      return keys_values(tokens, inputs_.kv_type);
  }
  GEMRING_CHECK(false, "mixer {}", static_cast<int>(model_.layer(layer).mixer));
}

std::uint64_t MemoryTerms::rotations(std::int64_t positions) const {
  return model_.ropes.size() * matrix(positions, model_.head_dim);
}

std::uint64_t MemoryTerms::partials(std::int64_t queries) const {
  return matrix(queries, std::int64_t{model_.heads} * (model_.head_dim + 2));
}

std::uint64_t MemoryTerms::layers(std::int64_t rows, std::int64_t queries) const {
  const std::int64_t block = std::min(std::max<std::int64_t>(rows, 1), token_block_);
  const auto normed =
      static_cast<std::int64_t>(normed_rows(size(block), inputs_.compute, size(inputs_.threads_per_rank)));
  const LinearSizes products{size(block), size(std::max(model_.hidden, model_.query_width())), size(model_.ffn)};
  return matrix(rows, model_.hidden) + matrix(queries, model_.query_width()) + matrix(normed, model_.hidden) +
         matrix(block, 2 * model_.kv_width()) +
         linear_scratch_bytes(products, compute_of_layers_, size(inputs_.threads_per_rank));
}

std::uint64_t MemoryTerms::attention_scratch() const {
  return attention_scratch_bytes(size(model_.heads), size(model_.kv_heads), size(model_.head_dim), inputs_.compute,
                                 size(inputs_.threads_per_rank));
}

std::uint64_t MemoryTerms::local_attention(std::int64_t queries) const {
  return attention_scratch() + size(queries) * sizeof(KeyRange) + matrix(queries, std::int64_t{2} * model_.heads);
}

MemoryTerms::Ring MemoryTerms::ring(const RingChoice& choice, std::int64_t members) const {
  Ring sum;
  for (const RingVariant variant : kRingVariants) {
    const auto most_queries = choice.most_queries[static_cast<std::size_t>(variant)];
    if (!most_queries) continue;
    const Ring pass = ring_pass(variant, *most_queries, choice, members);
    sum.activation_bytes += pass.activation_bytes;
    sum.message_buffer_bytes += pass.message_buffer_bytes;
  }
  return sum;
}

/// What the constructors in distributed/ring allocate.
MemoryTerms::Ring MemoryTerms::ring_pass(RingVariant variant, std::int64_t queries, const RingChoice& choice,
                                         std::int64_t members) const {
  const RingTypes types = ring_types(inputs_.kv_type, inputs_.message_type);
  const bool rounded = types.queries != DataType::f32;
  const std::uint64_t block = keys_values(choice.most_keys, types.keys);
  const std::uint64_t own_block = types.keys == inputs_.kv_type ? 0 : block;
  const std::uint64_t query_message = matrix(queries, model_.query_width(), types.queries);
  const std::uint64_t own_queries = rounded ? query_message + matrix(queries, model_.query_width()) : 0;
  const std::uint64_t partial_message =
      types.outputs == DataType::f32
          ? 0
          : matrix(queries, model_.query_width(), types.outputs) + matrix(queries, std::int64_t{2} * model_.heads);
  Ring pass;
  pass.activation_bytes = attention_scratch() + size(queries) * sizeof(KeyRange);
  switch (variant) {
    case RingVariant::pass_kv:
      pass.activation_bytes += partials(queries);
      pass.message_buffer_bytes = own_block + size(std::min<std::int64_t>(members - 1, 2)) * block;
      if (is_block_type(types.keys)) pass.message_buffer_bytes += keys_values(choice.most_keys, inputs_.kv_type);
      break;
    case RingVariant::pass_q:
      pass.activation_bytes += size(members) * partials(queries);
      pass.message_buffer_bytes = own_queries + size(members) * partial_message +
                                  size(members - 1) * (query_message + partials(queries) + partial_message);
      break;
    case RingVariant::token_ring:
      pass.activation_bytes += partials(queries);
      if (members > 1)
        pass.message_buffer_bytes = own_queries + 2 * query_message + 4 * (partials(queries) + partial_message);
      break;
    case RingVariant::all_gather:
      pass.activation_bytes += matrix(queries, std::int64_t{2} * model_.heads);
      pass.message_buffer_bytes = own_block + size(members - 1) * block +
                                  keys_values(choice.all_keys, inputs_.kv_type) +
                                  size(choice.all_keys) * sizeof(GlobalPosition);
      break;
  }
  return pass;
}

std::uint64_t MemoryTerms::sequences_beside(std::int64_t positions, std::int64_t members) const {
  if (inputs_.parallel == 0) return 0;
  const std::uint64_t all = size(inputs_.parallel);
  const std::uint64_t rows = rotations(inputs_.parallel);  // of a step of one token each
  if (members == 1) return rows + (all - 1) * (rotations(positions) + local_attention(1));
  return rows + (all - 1) * rotations(positions) + all * (attention_scratch() + size(members) * partials(1));
}

std::uint64_t MemoryTerms::sampling() const {
  return size(inputs_.parallel) * matrix(3, model_.vocab);  // logits, ids and probabilities
}

}  // namespace gemring

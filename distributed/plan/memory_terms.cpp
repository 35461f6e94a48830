#include "distributed/plan/memory_terms.h"

#include <algorithm>

#include "distributed/plan/message_types.h"
#include "distributed/plan/ring_buffers.h"
#include "engine/base/check.h"
#include "engine/kernels/attention/attention.h"
#include "engine/kernels/linear/linear.h"
#include "engine/kernels/linear/normed_input.h"
#include "engine/model/decoder_layer.h"

namespace gemring {
namespace {

std::size_t size(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

Compute compute_of_layers(const PlanInputs& inputs, const PlannedModel& model) {
  Compute compute = inputs.compute;
  bool blocks = false;
  bool others = false;
  for (const TensorInfo& tensor : model.tensors) {
    const bool of_layer = tensor.shape.size() == 2 && tensor.shape[0] != model.config.vocab;
    (is_block_type(tensor.type) ? blocks : others) |= of_layer;
  }
  if (blocks && !others) compute.many = compute.many_blocks;
  if (others && !blocks) compute.many_blocks = compute.many;
  return compute;
}

}  // namespace

MemoryTerms::MemoryTerms(const PlanInputs& inputs, const PlannedModel& model)
    : inputs_(inputs),
      model_(model.config),
      compute_of_layers_(compute_of_layers(inputs, model)),
      token_block_(inputs.token_block > 0 ? inputs.token_block
                                          : static_cast<std::int64_t>(token_block(inputs.compute))) {}

std::uint64_t MemoryTerms::matrix(std::int64_t rows, std::int64_t cols, DataType type) {
  return stored_bytes(type, size(rows) * size(cols));
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

std::uint64_t MemoryTerms::layers(std::int64_t rows, std::int64_t queries) const {
  const std::int64_t block = std::min(std::max<std::int64_t>(rows, 1), token_block_);
  const auto normed =
      static_cast<std::int64_t>(normed_rows(size(block), inputs_.compute, size(inputs_.threads_per_rank)));
  const LinearSizes products{.tokens = size(block),
                             .inputs = size(std::max(model_.hidden, model_.query_width())),
                             .gated = size(model_.ffn),
                             .outputs = size(model_.hidden)};
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

MemoryTerms::Windowed MemoryTerms::windowed_filter(std::int64_t own, std::int64_t members) const {
  const KvShape shape = kv_shape(model_, inputs_.kv_type);
  const WindowSizes& sizes = inputs_.window;
  const std::int64_t rows = std::min(inputs_.prompt_tokens, sizes.chunk);
  const std::uint64_t halos = size(inputs_.filter_layer.value()) * WindowHalo::size(shape, sizes);
  Windowed sum;
  sum.keys = size(inputs_.scoring_layers) * matrix(own, model_.kv_width(), inputs_.kv_type) + halos;
  sum.scores = matrix(own, inputs_.scoring_columns + 2);
  sum.scratch = layers(rows, rows) + rotations(rows) + local_attention(rows) + matrix(rows, model_.query_width()) +
                keys_values(sizes.window + sizes.chunk, inputs_.kv_type) + 2 * WindowHalo::size(shape, sizes);
  if (members > 1) sum.messages = halos;
  return sum;
}

MemoryTerms::Ring MemoryTerms::ring(const RingChoice& choice, std::int64_t members) const {
  Ring sum;
  for (const RingVariant variant : kRingVariants) {
    const auto extent = ring_extent(variant, choice, kv_shape(model_, inputs_.kv_type), size(model_.heads),
                                    inputs_.message_type, size(members));
    if (!extent) continue;
    const RingBuffers buffers = ring_buffers(variant, *extent);
    sum.activation_bytes += attention_scratch() + buffers.activations();
    sum.message_buffer_bytes += buffers.messages();
  }
  return sum;
}

std::uint64_t MemoryTerms::sequences_beside(std::int64_t positions, std::int64_t members) const {
  if (inputs_.parallel == 0) return 0;
  const std::uint64_t all = size(inputs_.parallel);
  const std::uint64_t rows = rotations(inputs_.parallel);  // of a step of one token each
  if (members == 1) return rows + (all - 1) * (rotations(positions) + local_attention(1));
  const StripeBuffers stripe = stripe_buffers(kv_shape(model_, inputs_.kv_type), size(model_.heads), size(members));
  return rows + (all - 1) * rotations(positions) + all * (attention_scratch() + stripe.total());
}

std::uint64_t MemoryTerms::sampling() const {
  return size(inputs_.parallel) * matrix(3, model_.vocab);  // logits, ids and probabilities
}

}  // namespace gemring

#include "distributed/plan/memory_terms.h"

#include <algorithm>

#include "distributed/plan/message_types.h"
#include "engine/kernels/attention.h"
#include "engine/kernels/linear.h"
#include "engine/kernels/normed_input.h"
#include "engine/model/decoder_layer.h"

namespace gemring {
namespace {

std::size_t size(std::int64_t count) {
  return static_cast<std::size_t>(count);
}

}  // namespace

MemoryTerms::MemoryTerms(const PlanInputs& inputs)
    : inputs_(inputs),
      model_(inputs.model),
      token_block_(inputs.token_block > 0 ? inputs.token_block
                                          : static_cast<std::int64_t>(token_block(inputs.compute))) {}

std::uint64_t MemoryTerms::matrix(std::int64_t rows, std::int64_t cols, DataType type) {
  return static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(cols) * bytes_per_element(type);
}

std::uint64_t MemoryTerms::keys_values(std::int64_t tokens, DataType type) const {
  return 2 * matrix(tokens, model_.kv_width(), type);
}

std::uint64_t MemoryTerms::rotations(std::int64_t positions) const {
  return matrix(positions, model_.head_dim);
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
         linear_scratch_bytes(products, inputs_.compute, size(inputs_.threads_per_rank));
}

std::uint64_t MemoryTerms::attention_scratch() const {
  return attention_scratch_bytes(size(model_.heads), size(model_.kv_heads), size(model_.head_dim), inputs_.compute,
                                 size(inputs_.threads_per_rank));
}

std::uint64_t MemoryTerms::local_attention(std::int64_t queries) const {
  return attention_scratch() + size(queries) * sizeof(KeyRange) + matrix(queries, std::int64_t{2} * model_.heads);
}

std::uint64_t MemoryTerms::ring_attention(std::int64_t own) const {
  return attention_scratch() + size(own) * sizeof(KeyRange) + partials(own);
}

std::uint64_t MemoryTerms::ring_buffers(const ZigzagShards& shards, int member) const {
  const DataType type = ring_type(inputs_.kv_type, inputs_.message_type);
  const std::uint64_t own = inputs_.kv_type == type ? 0 : keys_values(shards.size(member), type);
  return own + static_cast<std::uint64_t>(std::min(shards.members() - 1, 2)) * keys_values(shards.largest(), type);
}

std::uint64_t MemoryTerms::pass_q(std::int64_t largest, std::int64_t members) const {
  return attention_scratch() + size(largest) * sizeof(KeyRange) + size(members) * partials(largest);
}

std::uint64_t MemoryTerms::pass_q_buffers(std::int64_t largest, std::int64_t members) const {
  return size(members - 1) * (matrix(largest, model_.query_width()) + partials(largest));
}

}  // namespace gemring

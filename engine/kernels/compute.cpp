#include "engine/kernels/compute.h"

#include <fmt/format.h>

#include <atomic>

#include "engine/base/error.h"

namespace gemring {
namespace {

std::atomic<Compute>& compute_in_use() {
  static std::atomic<Compute> value = Compute{};
  return value;
}

void require(Isa wanted, ComputeType type, Isa isa) {
  if (isa >= wanted) return;
  throw ConfigError({"--compute",
                     fmt::format("{} wants the kernels of {}, these are {}", name(type), name(wanted), name(isa)),
                     "use --compute auto or f32"});
}

}  // namespace

std::string_view name(ComputeType type) {
  switch (type) {
    case ComputeType::f32:
      return "f32";
    case ComputeType::bf16:
      return "bf16";
    case ComputeType::int8:
      return "int8";
  }
  return "?";
}

ComputeType type_of_products(Compute compute, std::size_t tokens, DataType weights) {
  if (tokens > 1) return is_block_type(weights) ? compute.many_blocks : compute.many;
  return is_block_type(weights) ? compute.few : ComputeType::f32;
}

ComputeType type_of_prompt_logits(Compute compute, std::size_t tokens, DataType weights) {
  const ComputeType as_decode = type_of_products(compute, tokens, weights);
  const bool coarser = as_decode == ComputeType::int8 && compute.many_blocks == ComputeType::bf16;
  return coarser ? ComputeType::bf16 : as_decode;
}

Compute choose_compute(std::optional<ComputeType> wanted, Isa isa, bool bf16_is_faster) {
  using enum ComputeType;
  if (wanted == f32) return {};
  if (wanted == bf16) {
    require(Isa::avx512bf16, *wanted, isa);
    return {.many = bf16, .many_blocks = bf16, .few = f32};
  }
  if (wanted == int8) require(Isa::avx512vnni, *wanted, isa);
  if (isa < Isa::avx512vnni) return {};
  const ComputeType many = isa == Isa::amx || (isa >= Isa::avx512bf16 && bf16_is_faster) ? bf16 : f32;
  return {.many = many, .many_blocks = isa == Isa::amx && wanted != int8 ? bf16 : int8, .few = int8};
}

Compute active_compute() {
  return compute_in_use().load(std::memory_order_relaxed);
}

void set_active_compute(Compute compute) {
  compute_in_use().store(compute, std::memory_order_relaxed);
}

}  // namespace gemring

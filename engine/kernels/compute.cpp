#include "engine/kernels/compute.h"

#include <fmt/format.h>

#include <atomic>

#include "engine/base/error.h"

namespace gemring {
namespace {

std::atomic<Compute>& active() {
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

Compute choose_compute(std::optional<ComputeType> wanted, Isa isa) {
  if (wanted == ComputeType::f32) return {};
  if (wanted == ComputeType::bf16) require(Isa::avx512bf16, *wanted, isa);
  if (wanted == ComputeType::int8) require(Isa::avx512vnni, *wanted, isa);
  Compute compute;
  if (wanted == ComputeType::bf16 || isa == Isa::amx) compute.many = ComputeType::bf16;
  if (wanted != ComputeType::bf16 && isa >= Isa::avx512vnni) compute.few = ComputeType::int8;
  return compute;
}

Compute active_compute() {
  return active().load(std::memory_order_relaxed);
}

void set_active_compute(Compute compute) {
  active().store(compute, std::memory_order_relaxed);
}

}  // namespace gemring

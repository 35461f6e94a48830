#include "engine/kernels/kernel_table.h"

#include <algorithm>
#include <array>

#include "engine/base/check.h"

namespace gemring {

// One per instruction set folder: a whole table, or what replaces entries of the table below it.
extern const KernelTable kPortableKernels;
#if defined(GEMRING_X86_KERNELS)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
extern void use_avx512vnni_kernels(KernelTable& table);
extern void use_avx512bf16_kernels(KernelTable& table);
extern void use_amx_kernels(KernelTable& table);
#endif

namespace {

std::array<KernelTable, std::size(kEveryIsa)> all_tables() {
  std::array<KernelTable, std::size(kEveryIsa)> tables{};
  tables.fill(kPortableKernels);
#if defined(GEMRING_X86_KERNELS)
  const auto from = [&](Isa isa) { return tables.begin() + static_cast<int>(isa); };
  std::fill(from(Isa::avx2), tables.end(), kAvx2Kernels);
  std::fill(from(Isa::avx512), tables.end(), kAvx512Kernels);
  std::for_each(from(Isa::avx512vnni), tables.end(), use_avx512vnni_kernels);
  std::for_each(from(Isa::avx512bf16), tables.end(), use_avx512bf16_kernels);
  std::for_each(from(Isa::amx), tables.end(), use_amx_kernels);
#endif
  return tables;
}

}  // namespace

const KernelTable& kernels_of(Isa isa) {
  static const auto tables = all_tables();
  GEMRING_CHECK(isa <= detected_isa(), "{} on a machine with {}", name(isa), name(detected_isa()));
  return tables[static_cast<std::size_t>(isa)];
}

const KernelTable& kernels() {
  return kernels_of(active_isa());
}

}  // namespace gemring

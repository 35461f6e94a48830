#include "engine/kernels/kernel_table.h"

#include "engine/base/check.h"
#include "engine/kernels/every_table.h"

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

std::vector<KernelTable> tables_up_to(Isa most) {
  std::vector<KernelTable> tables(static_cast<std::size_t>(most) + 1, kPortableKernels);
#if defined(GEMRING_X86_KERNELS)
  // What fills a table is compiled with the flags of its set, and is never called on a machine without it.
  const auto fill = [&](Isa isa, auto&& use) {
    for (auto i = static_cast<std::size_t>(isa); i < tables.size(); ++i) use(tables[i]);
  };
  fill(Isa::avx2, [](KernelTable& table) { table = kAvx2Kernels; });
  fill(Isa::avx512, [](KernelTable& table) { table = kAvx512Kernels; });
  fill(Isa::avx512vnni, use_avx512vnni_kernels);
  fill(Isa::avx512bf16, use_avx512bf16_kernels);
  fill(Isa::amx, use_amx_kernels);
#endif
  return tables;
}

const KernelTable& kernels_of(Isa isa) {
  static const auto tables = tables_up_to(detected_isa());
  GEMRING_CHECK(isa <= detected_isa(), "{} on a machine with {}", name(isa), name(detected_isa()));
  return tables[static_cast<std::size_t>(isa)];
}

const KernelTable& kernels() {
  return kernels_of(active_isa());
}

}  // namespace gemring

#include "engine/kernels/kernel_table.h"

#include "engine/base/check.h"

namespace gemring {

// One per instruction set folder.
extern const KernelTable kPortableKernels;
#if defined(GEMRING_X86_KERNELS)
extern const KernelTable kAvx2Kernels;
extern const KernelTable kAvx512Kernels;
#endif

const KernelTable& kernels_of(Isa isa) {
  GEMRING_CHECK(isa <= detected_isa(), "{} on a machine with {}", name(isa), name(detected_isa()));
#if defined(GEMRING_X86_KERNELS)
  if (isa == Isa::avx512) return kAvx512Kernels;
  if (isa == Isa::avx2) return kAvx2Kernels;
#endif
  return kPortableKernels;
}

const KernelTable& kernels() {
  return kernels_of(active_isa());
}

}  // namespace gemring

// What AMX adds to the kernels of AVX-512 BF16. Compiled with its own flags (engine/kernels/CMakeLists.txt).
#include "engine/kernels/amx/linear.h"
#include "engine/kernels/kernel_table.h"

namespace gemring {

void use_amx_kernels(KernelTable& table);
void use_amx_kernels(KernelTable& table) {
  table.tiles.multiply = amx_multiply;
}

}  // namespace gemring

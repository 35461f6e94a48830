// What AMX replaces in the table of the set below: each file of this folder has one function that sets its entries.
#include "engine/kernels/kernel_table.h"

namespace gemring {

extern void use_amx_attention(KernelTable& table);
extern void use_amx_linear(KernelTable& table);
extern void use_amx_probes(KernelTable& table);

extern void use_amx_kernels(KernelTable& table);
void use_amx_kernels(KernelTable& table) {
  use_amx_attention(table);
  use_amx_linear(table);
  use_amx_probes(table);
}

}  // namespace gemring

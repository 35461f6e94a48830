// Attention in bf16 tiles.
#include "engine/kernels/kernel_table.h"

namespace gemring {

extern void use_amx_attention(KernelTable& table);
void use_amx_attention(KernelTable& table) {
  table.attention_scratch_bf16 = nullptr;
  table.attention_tile_bf16 = nullptr;
}

}  // namespace gemring

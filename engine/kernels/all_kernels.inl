// Every kernel for one instruction set, and their table. The including file sets GEMRING_VECTOR_FLOATS, the width of
// its vectors, and GEMRING_KERNEL_TABLE, the table's name; its compiler flags do the rest.
#include "engine/kernels/vector.inl"
//
#include "engine/kernels/blocks.inl"
//
#include "engine/kernels/activation.inl"
//
#include "engine/kernels/elementwise.inl"
//
#include "engine/kernels/linear/activation_order.inl"
//
#include "engine/kernels/linear/int8_products.inl"
//
#include "engine/kernels/memory_probe.inl"
//
#include "engine/kernels/rotary.inl"
//
#include "engine/kernels/round_up.inl"
//
#include "engine/kernels/attention/attention_tile.inl"
//
#include "engine/kernels/attention/attention_few.inl"
//
#include "engine/kernels/probe.inl"

namespace gemring {

extern const KernelTable GEMRING_KERNEL_TABLE;
const KernelTable GEMRING_KERNEL_TABLE = {
    .attention_scratch = attention_scratch,
    .attention_tile = attention_tile,
    .attention_few = attention_few,
    .attention_scratch_bf16 = nullptr,
    .attention_tile_bf16 = nullptr,
    .dot_rows = dot_rows,
    .quantise_activations = quantise_activations,
    .dot_rows_int8 = dot_rows_int8,
    .score_keys = score_keys,
    .tiles = {},
    .int8 = {},
    .widen = widen,
    .to_bf16 = to_bf16,
    .rms_norm = rms_norm,
    .silu_times = silu_times,
    .rotate = rotate,
    .rotate_interleaved = rotate_interleaved,
    .fma_probe = fma_probe,
    .fma_probe_flop = kFlopPerRound,
    .bf16_probe = nullptr,
    .bf16_probe_flop = 0,
    .int8_probe = nullptr,
    .int8_probe_op = 0,
    .read_probe = read_probe,
};

}  // namespace gemring

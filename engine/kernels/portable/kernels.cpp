// The kernels for SSE2 or the target's baseline. Compiled with its own flags (engine/kernels/CMakeLists.txt).
#define GEMRING_VECTOR_FLOATS 4
#include "engine/kernels/vector.inl"
//
#include "engine/kernels/elementwise.inl"
//
#include "engine/kernels/attention_tile.inl"
//
#include "engine/kernels/attention_few.inl"
//
#include "engine/kernels/probe.inl"

namespace gemring {

extern const KernelTable kPortableKernels;
const KernelTable kPortableKernels = {
    .attention_scratch = attention_scratch,
    .attention_tile = attention_tile,
    .attention_few = attention_few,
    .dot_rows = dot_rows,
    .score_keys = score_keys,
    .widen = widen,
    .to_bf16 = to_bf16,
    .rms_norm = rms_norm,
    .silu_times = silu_times,
    .rotate = rotate,
    .fma_probe = fma_probe,
    .fma_probe_flop = kFlopPerRound,
};

}  // namespace gemring

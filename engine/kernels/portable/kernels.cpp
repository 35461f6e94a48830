// The kernels for the baseline of the compiler's target (SSE2 on x86-64). Compiled with its own flags
// (engine/kernels/CMakeLists.txt).
#define GEMRING_VECTOR_FLOATS 4
#define GEMRING_KERNEL_TABLE kPortableKernels
#include "engine/kernels/all_kernels.inl"

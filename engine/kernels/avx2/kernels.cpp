// The kernels for AVX2 and FMA. Compiled with its own flags (engine/kernels/CMakeLists.txt).
#define GEMRING_VECTOR_FLOATS 8
#define GEMRING_KERNEL_TABLE kAvx2Kernels
#include "engine/kernels/all_kernels.inl"

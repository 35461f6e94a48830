// The kernels for AVX-512 F, BW, DQ, VL. Compiled with its own flags (engine/kernels/CMakeLists.txt).
#define GEMRING_VECTOR_FLOATS 16
#define GEMRING_KERNEL_TABLE kAvx512Kernels
#include "engine/kernels/all_kernels.inl"

// What the linked BLAS says of itself.
#pragma once

#include <string>

namespace gemring {

/// The kernels that OpenBLAS picked for this processor ("SkylakeX", "Haswell", ...). OpenBLAS 0.3.21 takes processors
/// newer than itself for Haswell and loses half its speed there: main sets OPENBLAS_CORETYPE before the library loads.
std::string blas_core_name();

/// Version and build options.
std::string blas_config();

/// One thread inside each call: the engine cuts the tiles and owns the threads. Call once at start.
void make_blas_single_threaded();

}  // namespace gemring

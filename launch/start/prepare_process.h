// What must stand in the environment before the first library of ours starts.
#pragma once

namespace gemring {

/// First thing in main. OpenBLAS reads its variables when it is loaded, before main, so the process may start itself
/// anew (once: the variables are set then) with
/// - OPENBLAS_CORETYPE=SKYLAKEX where the processor has AVX-512 and the user chose nothing: 0.3.21 takes processors
///   newer than itself for Haswell and multiplies at half speed;
/// - OPENBLAS_NUM_THREADS=1: the engine owns the threads;
/// - OMP_PLACES instead of a GOMP_CPU_AFFINITY that would end it: see places_of_affinity().
/// Where ranks outnumber cores, waiting ones are told to yield (mpi_yield_when_idle).
void prepare_process(char** argv);

}  // namespace gemring

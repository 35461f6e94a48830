// OpenMP has so many threads while this lives; then as many as before. BLAS has one, as in the program. Header only.
#pragma once

#include <omp.h>

#include "engine/kernels/blas_info.h"

namespace gemring::test {

class UseThreads {
 public:
  explicit UseThreads(int threads) : before_(omp_get_max_threads()) {
    make_blas_single_threaded();
    omp_set_num_threads(threads);
  }
  ~UseThreads() { omp_set_num_threads(before_); }
  UseThreads(const UseThreads&) = delete;
  UseThreads& operator=(const UseThreads&) = delete;

 private:
  int before_;
};

}  // namespace gemring::test

#include "engine/kernels/blas_info.h"

#include <cblas.h>

namespace gemring {

std::string blas_core_name() {
  return openblas_get_corename();
}

std::string blas_config() {
  return openblas_get_config();
}

void make_blas_single_threaded() {
  openblas_set_num_threads(1);
}

}  // namespace gemring

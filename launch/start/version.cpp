#include "launch/start/version.h"

#include <fmt/chrono.h>

#include <chrono>

#include "distributed/comm/mpi_session.h"
#include "engine/kernels/blas_info.h"
#include "engine/kernels/isa.h"

namespace gemring {

std::string made_now_text() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ} by gemring {}", fmt::gmtime(std::chrono::system_clock::now()),
                     program_version());
}

std::string version_text() {
#if defined(__clang__)
  const std::string compiler = fmt::format("clang {}", __clang_version__);
#else
  const std::string compiler = fmt::format("g++ {}", __VERSION__);
#endif
  std::string mpi = MpiSession::library_version();
  mpi = mpi.substr(0, mpi.find_first_of("\n,"));  // Open MPI adds its whole build history
  return fmt::format(
      "gemring {}\n"
      "compiler          {}\n"
      "MPI               {}\n"
      "BLAS              {}\n"
      "BLAS core type    {}\n"
      "kernels           {} (the processor's best: {})\n"
      "instruction sets  {}\n",
      program_version(), compiler, mpi, blas_config(), blas_core_name(), name(active_isa()), name(detected_isa()),
      processor_extensions());
}

}  // namespace gemring

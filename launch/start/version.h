// What --version says.
#pragma once

#include <string>

namespace gemring {

/// "0.1.0"; the same on all ranks of a job.
std::string program_version();

/// Version, compiler, MPI, BLAS and its core type, instruction sets; one line each.
std::string version_text();

}  // namespace gemring

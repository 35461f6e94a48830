// What --version says, and what files say of the program that wrote them.
#pragma once

#include <string>

namespace gemring {

/// "0.1.0"; the same on all ranks of a job.
std::string program_version();

/// "2026-11-30T09:00:00Z by gemring 0.1.0": what files that this program writes say of themselves.
std::string made_now_text();

/// Version, compiler, MPI, BLAS and its core type, instruction sets; one line each.
std::string version_text();

}  // namespace gemring

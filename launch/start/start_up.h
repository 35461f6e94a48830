// What all ranks agree on before anything is loaded: who they are, what to do, kernels, threads.
#pragma once

#include <string>
#include <vector>

#include "engine/kernels/isa.h"
#include "launch/options/options.h"
#include "launch/start/job.h"
#include "launch/start/placement.h"

namespace gemring {

/// Who runs here: every rank learns all hosts. Throws AgreedError (peer) on every rank where versions or command lines
/// differ, naming both ranks and both values.
Job join_job(Communicator& world, const std::vector<std::string>& arguments, std::vector<std::string> environment);

/// Throws AgreedError (peer) where a rank's value is not rank 0's. `what`: "version", "command line", ...
void require_equal(const std::vector<std::string>& values, const std::vector<std::string>& hosts,
                   const std::string& what, const std::string& advice);

/// Rank 0 parses, every rank receives; then the log is configured. It warns of variables that look like options and are
/// none, and of options that mean nothing.
ParsedCommandLine agree_on_options(const Job& job, const std::vector<std::string>& arguments);

/// The best instruction set that all ranks have, or the one that `wanted` (GEMRING_ISA; may be empty) names.
/// detected[i] is rank i's. Throws UsageError (no such name) and ConfigError (rank and host that lack it).
Isa choose_isa(const std::vector<Isa>& detected, const std::vector<std::string>& hosts, const std::string& wanted);

/// What choose_compute() asks of this machine; measured where the answer matters: without AMX, or its kernels not
/// wanted.
bool prefers_bf16(const RunOptions& options);

/// Chooses the kernels that all ranks of `detected` have and the type of products (--compute); not yet the threads.
/// `bf16_is_faster`: see choose_compute(). Throws as choose_isa() and choose_compute().
void use_kernels(const std::vector<Isa>& detected, const std::vector<std::string>& hosts, const RunOptions& options,
                 bool bf16_is_faster);

/// Sets the kernels and places the threads of this rank, and says in the log what was done. Where this rank's threads
/// run.
Placement prepare_compute(const Job& job, const RunOptions& options);

}  // namespace gemring

// Return codes of MPI become PeerError. Internal to distributed/comm.
#pragma once

#include <mpi.h>

#include <optional>

#include "engine/base/types.h"

namespace gemring::detail {

/// Throws PeerError where `code` is not MPI_SUCCESS: "MPI_Isend to rank 3: <MPI's text>".
void check_mpi(int code, const char* call, std::optional<RankId> peer = {});

}  // namespace gemring::detail

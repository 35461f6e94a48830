// The communicator over MPI. Internal to distributed/comm.
#pragma once

#include <mpi.h>

#include <memory>
#include <vector>

#include "distributed/comm/communicator.h"

namespace gemring::detail {

/// `owned`: free it at the end (groups), else it is MPI_COMM_WORLD.
std::unique_ptr<Communicator> mpi_communicator(MPI_Comm comm, bool owned, std::vector<RankId> world_ranks,
                                               std::shared_ptr<CommunicationTotals> totals);

/// Largest piece of a message in bytes, 1 GiB unless a test lowers it (the same on every rank).
void set_largest_piece(std::size_t bytes);

}  // namespace gemring::detail

// The communicator over MPI. Internal to distributed/comm.
#pragma once

#include <mpi.h>

#include <memory>
#include <vector>

#include "distributed/comm/communicator.h"
#include "distributed/comm/mpi_channel.h"

namespace gemring::detail {

/// `owned`: free it at the end (groups), else it is MPI_COMM_WORLD.
std::unique_ptr<Communicator> mpi_communicator(MPI_Comm comm, bool owned, std::vector<RankId> world_ranks,
                                               std::shared_ptr<MpiChannel> channel);

}  // namespace gemring::detail

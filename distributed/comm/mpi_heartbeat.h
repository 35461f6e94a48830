// Heartbeats over MPI. Internal to distributed/comm.
#pragma once

#include <mpi.h>

#include <memory>

#include "distributed/comm/heartbeat.h"
#include "distributed/comm/mpi_channel.h"

namespace gemring::detail {

/// On a communicator of its own, which lasts until MPI ends: freeing it is collective, and who has heartbeats to send
/// may have lost the others. Collective over `comm`.
std::unique_ptr<HeartbeatLink> mpi_heartbeat_link(MPI_Comm comm, std::shared_ptr<MpiChannel> channel);

}  // namespace gemring::detail

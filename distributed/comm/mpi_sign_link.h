// Signs of life over MPI. Internal to distributed/comm.
#pragma once

#include <mpi.h>

#include <memory>

#include "distributed/comm/mpi_channel.h"
#include "distributed/comm/sign_link.h"

namespace gemring::detail {

/// On a communicator of its own, which lasts until MPI ends: freeing it is collective, and who has signs to send may
/// have lost the others. nullptr where threads may not call MPI. Collective over `comm`.
std::unique_ptr<SignLink> mpi_sign_link(MPI_Comm comm, std::shared_ptr<MpiChannel> channel);

}  // namespace gemring::detail

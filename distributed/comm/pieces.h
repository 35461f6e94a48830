// Messages are cut into pieces, because MPI 3 counts in int. Internal to distributed/comm and its tests.
#pragma once

#include <cstddef>

namespace gemring::detail {

/// Largest piece of a message in bytes, 1 GiB unless a test lowers it (to the same on every rank).
void set_largest_piece(std::size_t bytes);

}  // namespace gemring::detail

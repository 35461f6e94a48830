// All ranks of a test binary that is linked with gemring_tests_mpi_main.
//
// Every rank runs the same tests in the same order. No ASSERT_* between two calls that communicate: a rank that returns
// early leaves the others waiting (they are ended after 20 s). Use EXPECT_* and go on.
#pragma once

#include "distributed/comm/communicator.h"

namespace gemring {

/// All ranks of this run: MPI under mpirun, else the one-rank implementation.
Communicator& world();

}  // namespace gemring

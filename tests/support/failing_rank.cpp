// Fails on the last rank only: rank 0's output must tell, and the exit code.
#include <gtest/gtest.h>

#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

TEST(FailingRank, FailsOnTheLastRankOnly) {
  if (world().member() + 1 == world().size()) ADD_FAILURE() << "the last rank is unhappy";
}

}  // namespace
}  // namespace gemring

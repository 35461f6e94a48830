#include <gtest/gtest.h>

#include "distributed/comm/mpi_session.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

TEST(FailureClaim, OneRankOfANodeMayReport) {
  const char claimed = claim_failure_report() ? 1 : 0;
  int claims = 0;
  for (const auto& bytes : world().all_gather(std::as_bytes(std::span(&claimed, 1)))) {
    claims += static_cast<int>(bytes.at(0));
  }
  EXPECT_EQ(claims, 1);  // all ranks of this test run on one node
}

TEST(FailureClaim, ALaterCallerUnderALauncherMayNot) {
  claim_failure_report();
  world().barrier();
  EXPECT_EQ(claim_failure_report(), !started_by_launcher());
}

TEST(Mpi, NamesItsLibrary) {
  EXPECT_NE(std::string(MpiSession::library_version()).find("MPI"), std::string::npos);
}

}  // namespace
}  // namespace gemring

#include "launch/start/failure.h"

#include <gtest/gtest.h>

namespace gemring {
namespace {

TEST(Failure, TheMessageSaysWhatWhereAndWhatToDo) {
  EXPECT_EQ(failure_message(ExitCode::model_file, {"model.safetensors", "is cut short", "download it again"}, RankId(2),
                            "node17"),
            "gemring: model.safetensors: is cut short\n  download it again      (rank 2 on node17, exit 4)\n");
}

TEST(Failure, WithoutAdviceThePlaceStandsAlone) {
  EXPECT_EQ(failure_message(ExitCode::usage, {"--keep", "is wrong", ""}, RankId(0), "a"),
            "gemring: --keep: is wrong\n  (rank 0 on a, exit 2)\n");
}

}  // namespace
}  // namespace gemring

#include "launch/start/failure.h"

#include <gtest/gtest.h>

#include <new>

#include "engine/base/check.h"

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

TEST(Failure, MissingMemoryIsALackOfResources) {
  EXPECT_EQ(as_error(std::bad_alloc()).code(), ExitCode::resources);
}

TEST(Failure, ABugAsksForAReport) {
  const Error error = as_error(InternalError("a.cpp:1: x does not hold"));
  EXPECT_EQ(error.code(), ExitCode::internal);
  EXPECT_NE(error.text().advice.find("report"), std::string::npos);
}

TEST(Failure, AKnownErrorKeepsItsText) {
  const Error error = as_error(ConfigError({"c.json", "bad", "mend it"}));
  EXPECT_EQ(error.code(), ExitCode::config);
  EXPECT_EQ(error.text().advice, "mend it");
}

}  // namespace
}  // namespace gemring

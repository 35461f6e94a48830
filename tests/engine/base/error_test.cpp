#include "engine/base/error.h"

#include <gtest/gtest.h>

#include <new>

#include "engine/base/check.h"

namespace gemring {
namespace {

TEST(Error, MissingMemoryIsALackOfResources) {
  EXPECT_EQ(as_error(std::bad_alloc()).code(), ExitCode::resources);
}

TEST(Error, ABugAsksForAReport) {
  const Error error = as_error(InternalError("a.cpp:1: x does not hold"));
  EXPECT_EQ(error.code(), ExitCode::internal);
  EXPECT_NE(error.text().advice.find("report"), std::string::npos);
}

TEST(Error, AKnownErrorKeepsItsText) {
  const Error error = as_error(ConfigError({"c.json", "bad", "mend it"}));
  EXPECT_EQ(error.code(), ExitCode::config);
  EXPECT_EQ(error.text().advice, "mend it");
}

}  // namespace
}  // namespace gemring

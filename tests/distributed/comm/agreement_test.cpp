#include "distributed/comm/agreement.h"

#include <gtest/gtest.h>

#include <new>
#include <optional>
#include <stdexcept>

#include "engine/base/process.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

std::optional<AgreedError> agreed_error(const std::function<void()>& step) {
  try {
    agree_on_errors(world(), step);
  } catch (const AgreedError& error) {
    return error;
  }
  return std::nullopt;
}

TEST(Agreement, NobodyThrowsWhereNobodyFails) {
  int calls = 0;
  EXPECT_FALSE(agreed_error([&] { ++calls; }));
  EXPECT_EQ(calls, 1);
}

TEST(Agreement, AnErrorOfOneRankIsEverybodys) {
  const int last = world().size() - 1;
  const auto error = agreed_error([&] {
    if (world().member() == last) throw ModelFileError({"model.safetensors", "ends at byte 7", "download it again"});
  });
  EXPECT_TRUE(error.has_value());
  if (!error) return;
  EXPECT_EQ(error->code(), ExitCode::model_file);
  EXPECT_EQ(error->text().where, "model.safetensors");
  EXPECT_EQ(error->text().problem, "ends at byte 7");
  EXPECT_EQ(error->text().advice, "download it again");
  EXPECT_EQ(error->rank(), RankId(last));
  EXPECT_EQ(error->host(), host_name());
}

TEST(Agreement, OfSeveralErrorsTheLowestRanksIsTaken) {
  const auto error = agreed_error([&] {
    if (world().member() == 0 && world().size() > 1) return;
    throw ConfigError({"rank " + std::to_string(world().member()), "fails", ""});
  });
  EXPECT_TRUE(error.has_value());
  if (!error) return;
  EXPECT_EQ(error->text().where, world().size() > 1 ? "rank 1" : "rank 0");
}

TEST(Agreement, AnyOtherExceptionIsInternal) {
  const auto error = agreed_error([&] {
    if (world().member() == 0) throw std::runtime_error("2 x 3 is no square");
  });
  EXPECT_TRUE(error.has_value());
  if (!error) return;
  EXPECT_EQ(error->code(), ExitCode::internal);
  EXPECT_EQ(error->text().problem, "2 x 3 is no square");
}

TEST(Agreement, MemoryThatIsNotThereIsALackOfResources) {
  const int last = world().size() - 1;
  const auto error = agreed_error([&] {
    if (world().member() == last) throw std::bad_alloc();
  });
  EXPECT_TRUE(error.has_value());
  if (!error) return;
  EXPECT_EQ(error->code(), ExitCode::resources);
  EXPECT_EQ(error->rank(), RankId(last));
}

TEST(Agreement, AnErrorAgreedInAGroupKeepsItsOrigin) {
  const auto group = world().group(std::vector<int>{world().size() - 1});
  const auto error = agreed_error([&] {
    if (group) agree_on_errors(*group, [] { throw ResourceError({"memory", "too little", ""}); });
  });
  EXPECT_TRUE(error.has_value());
  if (!error) return;
  EXPECT_EQ(error->rank(), RankId(world().size() - 1));
}

}  // namespace
}  // namespace gemring

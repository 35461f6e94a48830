#include "launch/output/bench_output.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/error.h"

namespace gemring {
namespace {

/// What is written to standard output by a table's row and a line of each of two results.
std::string output_of(BenchOutput output) {
  testing::internal::CaptureStdout();
  output.require_writable();
  output.add("row 1\n", "{1}\n");
  output.add("row 2\n", "{2}\n");
  output.finish();
  return testing::internal::GetCapturedStdout();
}

TEST(BenchOutput, PeopleGetTheTable) {
  EXPECT_EQ(output_of(BenchOutput(std::nullopt)), "row 1\nrow 2\n");
}

TEST(BenchOutput, JsonWithoutAFileTakesTheTablesPlace) {
  EXPECT_EQ(output_of(BenchOutput("")), "{1}\n{2}\n");
  EXPECT_EQ(output_of(BenchOutput("-")), "{1}\n{2}\n");
}

TEST(BenchOutput, JsonInAFileLeavesTheTableWhereItIs) {
  const std::string path = testing::TempDir() + "gemring_bench_output.json";
  EXPECT_EQ(output_of(BenchOutput(path)), "row 1\nrow 2\n");
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), "{1}\n{2}\n");
  std::filesystem::remove(path);
}

TEST(BenchOutput, AFileThatCannotBeMadeIsRefusedBeforeTheWork) {
  EXPECT_THROW(BenchOutput("/nowhere/bench.json").require_writable(), UsageError);
}

}  // namespace
}  // namespace gemring

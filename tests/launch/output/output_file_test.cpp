#include "launch/output/output_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/error.h"

namespace gemring {
namespace {

namespace fs = std::filesystem;

class OutputFile : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  std::string contents(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  fs::path directory_ = fs::temp_directory_path() / ("gemring-output-test-" + std::to_string(getpid()));
};

TEST_F(OutputFile, AFileIsReplacedAndNoPartStays) {
  const fs::path path = directory_ / "report.json";
  write_atomically(path, "old");
  write_atomically(path, "new");
  EXPECT_EQ(contents(path), "new");
  EXPECT_FALSE(fs::exists(path.string() + ".part"));
}

TEST_F(OutputFile, AskingLeavesNothingBehindAndTheOldFileAlone) {
  const fs::path path = directory_ / "report.json";
  write_atomically(path, "old");
  require_writable(path, "--json");
  EXPECT_EQ(contents(path), "old");
  EXPECT_FALSE(fs::exists(path.string() + ".part"));
}

TEST_F(OutputFile, AMissingDirectoryIsAUsageErrorThatNamesTheOption) {
  try {
    require_writable(directory_ / "no" / "report.json", "--json");
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_EQ(error.text().where, "--json");
  }
}

TEST_F(OutputFile, ADirectoryIsNoFile) {
  EXPECT_THROW(require_writable(directory_, "--json"), UsageError);
}

TEST_F(OutputFile, AWriteThatFailsIsAResourceError) {
  EXPECT_THROW(write_atomically(directory_ / "no" / "report.json", "text"), ResourceError);
}

}  // namespace
}  // namespace gemring

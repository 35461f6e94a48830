#include "engine/base/output_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "engine/base/error.h"

namespace gemring {
namespace {

namespace fs = std::filesystem;

class OutputFileTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directory(directory_); }
  void TearDown() override { fs::remove_all(directory_); }

  std::string path(const char* name) const { return directory_ / name; }
  std::string write(const char* name, const std::string& contents) const {
    std::ofstream(path(name)) << contents;
    return path(name);
  }
  static std::string contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory_), fs::directory_iterator()));
  }
  static mode_t mode(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0);
    return status.st_mode;
  }

  fs::path directory_ = fs::temp_directory_path() / ("gemring-output-test-" + std::to_string(getpid()));
};

TEST_F(OutputFileTest, AFileIsReplacedAndNothingElseStays) {
  write_file(path("report.json"), "old and longer");
  write_file(path("report.json"), "new");
  EXPECT_EQ(contents(path("report.json")), "new");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(OutputFileTest, UntilItIsCommittedTheOldFileIsThere) {
  const std::string file = write("report.json", "old");
  {
    OutputFile output(file);
    output.write("new");
    EXPECT_EQ(contents(file), "old");
    EXPECT_EQ(entries(), 2u);
  }
  EXPECT_EQ(contents(file), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(OutputFileTest, AskingLeavesNothingBehindAndTheOldFileAlone) {
  const std::string file = write("report.json", "old");
  require_writable(file, "--json");
  require_writable(path("new.json"), "--json");
  EXPECT_EQ(contents(file), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(OutputFileTest, AStrangersPartIsNotTouched) {
  write("report.json.part", "a stranger's");
  require_writable(path("report.json"), "--json");
  write_file(path("report.json"), "new");
  EXPECT_EQ(contents(path("report.json.part")), "a stranger's");
}

TEST_F(OutputFileTest, TwoWritersOfOnePathDoNotMix) {
  OutputFile first(path("report.json"));
  OutputFile second(path("report.json"));
  first.write("first ");
  second.write("second ");
  first.write("wrote this");
  second.write("wrote this");
  first.commit();
  EXPECT_EQ(contents(path("report.json")), "first wrote this");
  second.commit();
  EXPECT_EQ(contents(path("report.json")), "second wrote this");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(OutputFileTest, PermissionsStayAndNewFilesHaveTheUsual) {
  const std::string file = write("report.json", "old");
  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  write_file(file, "new");
  EXPECT_EQ(mode(file) & 07777, 0640u);
  const mode_t mask = umask(027);
  write_file(path("new.json"), "new");
  umask(mask);
  EXPECT_EQ(mode(path("new.json")) & 07777, 0640u);
}

TEST_F(OutputFileTest, ALinkStaysAndItsTargetIsReplaced) {
  fs::create_directory(path("there"));
  const std::string target = write("there/report.json", "old");
  fs::create_symlink("there/report.json", path("middle"));
  fs::create_symlink(path("middle"), path("link"));
  write_file(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_TRUE(fs::is_symlink(path("middle")));
  EXPECT_EQ(contents(target), "new");
}

TEST_F(OutputFileTest, OfALinkToNothingTheTargetIsMade) {
  fs::create_symlink("report.json", path("link"));
  require_writable(path("link"), "--json");
  EXPECT_FALSE(fs::exists(path("report.json")));
  write_file(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(contents(path("report.json")), "new");
}

TEST_F(OutputFileTest, LinksInACircleAreTheUsersError) {
  fs::create_symlink("b", path("a"));
  fs::create_symlink("a", path("b"));
  EXPECT_THROW(require_writable(path("a"), "--json"), UsageError);
}

TEST_F(OutputFileTest, APipeIsWrittenAndStays) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  require_writable(path("pipe"), "--json");  // does not wait for a reader
  std::string read;
  std::thread reader([&] { read = contents(path("pipe")); });
  write_file(path("pipe"), "text");
  reader.join();
  EXPECT_EQ(read, "text");
  EXPECT_TRUE(S_ISFIFO(mode(path("pipe"))));
  EXPECT_EQ(entries(), 1u);
}

TEST_F(OutputFileTest, APipeWhoseReaderIsGoneIsAResourceError) {
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const int reader = open(path("pipe").c_str(), O_RDONLY | O_NONBLOCK);
  OutputFile output(path("pipe"));
  close(reader);
  output.write("text");
  output.write("more");  // nothing happens: other ranks may be waiting
  EXPECT_THROW(output.commit(), ResourceError);
  std::signal(SIGPIPE, before);
}

TEST_F(OutputFileTest, ADeviceIsWrittenAndStays) {
  if (mknod(path("null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) GTEST_SKIP() << "only root makes devices";
  require_writable(path("null"), "--json");
  write_file(path("null"), "text");
  EXPECT_TRUE(S_ISCHR(mode(path("null"))));
  write_file("/dev/null", "text");
  EXPECT_TRUE(S_ISCHR(mode("/dev/null")));
}

TEST_F(OutputFileTest, AFullDeviceIsAResourceError) {
  require_writable("/dev/full", "--json");
  EXPECT_THROW(write_file("/dev/full", "text"), ResourceError);
}

TEST_F(OutputFileTest, OpenDescriptorsAreWrittenWhereTheyStand) {
  const int file = open(path("out").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  ASSERT_EQ(::write(file, "before ", 7), 7);
  const std::string number = std::to_string(file);
  for (const std::string& name :
       {"/dev/fd/" + number, "/proc/self/fd/" + number, "/proc/" + std::to_string(getpid()) + "/fd/" + number}) {
    require_writable(name, "--json");
    write_file(name, "text ");
  }
  fs::create_symlink("/dev/fd/" + number, path("link"));
  write_file(path("link"), "end");
  close(file);
  EXPECT_EQ(contents(path("out")), "before text text text end");
  EXPECT_THROW(require_writable("/dev/fd/" + number, "--json"), UsageError);
}

TEST_F(OutputFileTest, ADescriptorOpenForReadingIsTheUsersError) {
  const int file = open(write("in", "text").c_str(), O_RDONLY);
  EXPECT_THROW(require_writable("/dev/fd/" + std::to_string(file), "--json"), UsageError);
  close(file);
}

TEST_F(OutputFileTest, WhatCannotBeWrittenIsSaidBeforeAndNamesTheOption) {
  for (const std::string& bad :
       {path("no") + "/report.json", directory_.string(), directory_.string() + "/", std::string(), path("no/")}) {
    try {
      require_writable(bad, "--json");
      FAIL() << "no error for '" << bad << "'";
    } catch (const UsageError& error) {
      EXPECT_EQ(error.text().where, "--json");
    }
    EXPECT_THROW(write_file(bad, "text"), UsageError) << bad;
  }
}

TEST_F(OutputFileTest, AReadOnlyFileIsNotReplaced) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everything";
  const std::string file = write("report.json", "old");
  ASSERT_EQ(chmod(file.c_str(), 0444), 0);
  EXPECT_THROW(require_writable(file, "--json"), UsageError);
  EXPECT_THROW(write_file(file, "new"), UsageError);
  EXPECT_EQ(contents(file), "old");
}

}  // namespace
}  // namespace gemring

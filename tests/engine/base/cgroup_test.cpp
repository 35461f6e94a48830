#include "engine/base/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace gemring {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

/// A file system of its own with what the kernel would say.
class Cgroup : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(root_); }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  CgroupLimits limits() { return cgroup_limits(root_ / "proc", root_); }

  void version2(const std::string& group, const std::string& top = "/") {
    write("proc/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n30 23 0:26 " + top +
                                " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup rw\n");
    write("proc/cgroup", "0::" + group + "\n");
  }
  void version1(const std::string& group) {
    write("proc/mountinfo",
          "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
          "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    write("proc/cgroup", "9:memory:" + group + "\n4:cpu,cpuacct:" + group + "\n1:name=systemd:/x\n");
  }

  const fs::path root_ = fs::temp_directory_path() / ("gemring-cgroup-" + std::to_string(getpid()));
};

TEST_F(Cgroup, WhatIsNotThereIsNoLimit) {
  EXPECT_TRUE(std::isinf(limits().processors));
  EXPECT_EQ(limits().memory_left, kNone);
  version2("/job");
  EXPECT_TRUE(std::isinf(limits().processors));
  EXPECT_EQ(limits().memory_left, kNone);
}

TEST_F(Cgroup, TheTightestGroupOfVersion2Counts) {
  version2("/slice/job/step");
  write("sys/fs/cgroup/slice/job/step/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/slice/job/cpu.max", "150000 100000\n");
  write("sys/fs/cgroup/slice/cpu.max", "800000 100000\n");
  write("sys/fs/cgroup/slice/job/memory.max", "1000\n");
  write("sys/fs/cgroup/slice/job/memory.current", "700\n");
  write("sys/fs/cgroup/slice/job/memory.stat", "anon 300\ninactive_file 400\n");
  write("sys/fs/cgroup/slice/memory.max", "5000\n");
  write("sys/fs/cgroup/slice/memory.current", "4900\n");
  EXPECT_DOUBLE_EQ(limits().processors, 1.5);
  EXPECT_TRUE(limits().processors_group.ends_with("/slice/job")) << limits().processors_group;
  EXPECT_EQ(limits().memory_left, 100u);
}

TEST_F(Cgroup, AContainerSeesItsOwnGroupAsTheRoot) {
  version2("/");
  write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_DOUBLE_EQ(limits().processors, 0.5);
  version2("/docker/abc",
           "/docker/abc");  // the mount shows the group, the process is told the path from the host's root
  EXPECT_DOUBLE_EQ(limits().processors, 0.5);
}

TEST_F(Cgroup, Version1HasItsOwnFiles) {
  version1("/docker/abc");
  write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "250000\n");
  write("sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000000\n");
  write("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "900000\n");
  write("sys/fs/cgroup/memory/docker/abc/memory.stat", "cache 1\ntotal_inactive_file 300000\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/memory.usage_in_bytes", "900000\n");
  EXPECT_DOUBLE_EQ(limits().processors, 2.5);
  EXPECT_EQ(limits().memory_left, 400000u);
}

}  // namespace
}  // namespace gemring

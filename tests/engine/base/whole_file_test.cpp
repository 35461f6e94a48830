#include "engine/base/whole_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "tests/support/files.h"

namespace gemring {
namespace {

int reason_of(const std::string& path) {
  try {
    read_whole_file(path);
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

TEST(WholeFile, AllBytesAreReadWhateverTheSize) {
  const test::TemporaryDirectory directory;
  for (const std::size_t size : {0u, 1u, 65'535u, 65'536u, 131'072u, 300'001u}) {
    std::string bytes(size, 'x');
    if (size > 0) bytes[size / 2] = '\0';
    EXPECT_EQ(read_whole_file(directory.write("bytes", bytes)), bytes) << size;
  }
}

TEST(WholeFile, AnErrorIsNoEnd) {
  const test::TemporaryDirectory directory;
  EXPECT_EQ(reason_of(directory.file("missing")), ENOENT);
  EXPECT_EQ(reason_of(directory.file("")), EISDIR);
  EXPECT_EQ(reason_of("/proc/self/mem"), EIO) << "page 0 is not mapped";
}

TEST(WholeFile, APipeIsReadToItsEnd) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(pipe(ends.data()), 0);
  ASSERT_EQ(write(ends[1], "piece", 5), 5);
  close(ends[1]);
  EXPECT_EQ(read_whole_descriptor(ends[0]), "piece");
  close(ends[0]);
}

}  // namespace
}  // namespace gemring

#include "engine/weights/safetensors/safetensors_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "engine/weights/safetensors/safetensors.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryDirectory;

TEST(SafetensorsWriter, RowsAppendedComeBackAsTensors) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("out.safetensors");
  SafetensorsWriter writer(path, {{"logits", {2, 3}}, {"more", {1}}});
  writer.append(std::array{1.0f, 2.0f, 3.0f});
  writer.append(std::array{4.0f, 5.0f, 6.0f});
  writer.append(std::array{7.0f});
  writer.finish();
  const auto file = open_safetensors(path);
  EXPECT_EQ(file.at("logits").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(read_f32_tensor(file, "logits"), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read_f32_tensor(file, "more"), (std::vector<float>{7}));
  EXPECT_EQ(file.at("logits").offset % 8, 0u);
}

TEST(SafetensorsWriter, TheFileAppearsOnlyWhenItIsComplete) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("out.safetensors", "old");
  {
    SafetensorsWriter writer(path, {{"logits", {2}}});
    writer.append(std::array{1.0f});
    EXPECT_EQ(std::filesystem::file_size(path), 3u);
  }
  EXPECT_EQ(std::filesystem::file_size(path), 3u);
}

TEST(SafetensorsWriter, APathThatCannotBeWrittenIsTheUsersError) {
  const TemporaryDirectory directory;
  const std::string missing = directory.file("none/out.safetensors");
  EXPECT_TRUE(contains(error_of<UsageError>([&] {
                         SafetensorsWriter(missing, {{"a", {1}}});
                       }),
                       missing + ": cannot be opened for writing"));
}

TEST(SafetensorsWriter, AFullDiskIsAResourceError) {
  const std::string error = error_of<ResourceError>([&] { SafetensorsWriter("/dev/full", {{"a", {1}}}); });
  EXPECT_TRUE(contains(error, "/dev/full: cannot be written: No space left on device"));
}

}  // namespace
}  // namespace gemring

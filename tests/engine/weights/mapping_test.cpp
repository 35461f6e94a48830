#include "engine/weights/mapping.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <csignal>
#include <filesystem>

#include "engine/weights/mapping_registry.h"
#include "tests/engine/weights/loaded.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::TemporaryDirectory;
using test::text;

constexpr std::size_t kPage = 4096;

const MappingRecord* record_at(const std::byte* address) {
  return mapping_registry().find(reinterpret_cast<std::uintptr_t>(address));
}

TEST(Mapping, BytesInTheMiddleOfAPageAreFound) {
  const TemporaryDirectory directory;
  const auto file =
      std::make_shared<const InputFile>(directory.write("a", std::string(kPage + 4, 'x') + "tensor" + "yyyy"));
  EXPECT_EQ(text(*map_tensor(file, "w", kPage + 4, 6, 2)), "tensor");
}

TEST(Mapping, TheMappingOutlivesItsFileObject) {
  const TemporaryDirectory directory;
  auto file = std::make_shared<const InputFile>(directory.write("a", "tensor"));
  const auto data = map_tensor(file, "w", 0, 6, 2);
  file.reset();
  std::filesystem::remove(directory.file("a"));
  EXPECT_EQ(text(*data), "tensor");
}

TEST(Mapping, TheRegistryKnowsTheTensorWhileItIsMapped) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("a", std::string(2 * kPage, 'x'));
  auto data = map_tensor(std::make_shared<const InputFile>(path), "w", 0, 2 * kPage, 4);
  const std::byte* inside = data->bytes().data() + kPage;
  ASSERT_NE(record_at(inside), nullptr);
  EXPECT_EQ(record_at(inside)->file, path);
  EXPECT_STREQ(record_at(inside)->tensor, "w");
  data.reset();
  EXPECT_EQ(record_at(inside), nullptr);
}

TEST(MappingRegistry, RangesAreHalfOpenAndSlotsAreUsedAgain) {
  static MappingRegistry registry;  // 1.5 MB
  const MappingRecord first, second;
  const std::size_t slot = registry.add(1000, 2000, &first);
  registry.add(2000, 3000, &second);
  EXPECT_EQ(registry.find(999), nullptr);
  EXPECT_EQ(registry.find(1000), &first);
  EXPECT_EQ(registry.find(1999), &first);
  EXPECT_EQ(registry.find(2000), &second);
  registry.remove(slot);
  EXPECT_EQ(registry.find(1500), nullptr);
  for (std::size_t i = 0; i + 1 < MappingRegistry::kCapacity; ++i) {
    ASSERT_NE(registry.add(5000, 6000, &first), MappingRegistry::kCapacity);
  }
  EXPECT_EQ(registry.add(5000, 6000, &first), MappingRegistry::kCapacity);
}

/// Maps the file's two pages as a tensor, cuts the file to one and reads the second.
void read_behind_a_cut(const std::string& path, const MappingFaultOptions& options) {
  const auto data = map_tensor(std::make_shared<const InputFile>(path), "model.norm.weight", 0, 2 * kPage, 4);
  install_mapping_fault_handler(options);
  std::filesystem::resize_file(path, kPage);
  const volatile std::byte* bytes = data->bytes().data();
  if (bytes[kPage] == std::byte{1}) std::exit(1);
  std::exit(0);
}

TEST(MappingFaultDeathTest, ACutFileEndsTheProcessWithOneMessageAndCode4) {
  const TemporaryDirectory directory;  // made here: the process that dies cleans nothing up
  const std::string path = directory.write("model.safetensors", std::string(2 * kPage, 'x'));
  EXPECT_EXIT(
      read_behind_a_cut(path, {"rank 2 on node17", nullptr}), ::testing::ExitedWithCode(4),
      "^gemring: .*/model.safetensors: tensor model.norm.weight cannot be read any more: the file shrank while it "
      "was in use\n  do not change model files under a running program      \\(rank 2 on node17, exit 4\\)\n$");
}

TEST(MappingFaultDeathTest, AProcessThatMayNotReportEndsSilently) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("model.safetensors", std::string(2 * kPage, 'x'));
  EXPECT_EXIT(read_behind_a_cut(path, {"rank 2 on node17", []() noexcept { return false; }}),
              ::testing::ExitedWithCode(4), "^$");
}

TEST(MappingFaultDeathTest, ABusErrorElsewhereDoesWhatItDoesByDefault) {
  const auto raise_it = [] {
    install_mapping_fault_handler({"rank 0 on node1", nullptr});
    raise(SIGBUS);
    std::exit(0);
  };
  EXPECT_EXIT(raise_it(), ::testing::KilledBySignal(SIGBUS), "^$");
}

}  // namespace
}  // namespace gemring

#include "engine/tensor/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "engine/base/error.h"

namespace gemring {
namespace {

TEST(Buffer, MemoryIsAlignedToCacheLinesWhateverItsSize) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1000}, std::size_t{3'000'000}}) {  // the last is mapped
    Buffer<float> buffer(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64, 0u) << size;
    buffer[0] = 1;
    buffer[size - 1] = 2;
    EXPECT_EQ(buffer.span().size(), size);
    EXPECT_EQ(buffer.span().back(), 2.0f);
  }
}

/// Bytes of the mapping that holds `address`, and 0 where there is none.
std::size_t mapped_around(const void* address) {
  std::ifstream maps("/proc/self/maps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  for (std::string line; std::getline(maps, line);) {
    const std::uintptr_t begin = std::stoull(line, nullptr, 16);
    const std::uintptr_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    if (begin <= wanted && wanted < end) return end - begin;
  }
  return 0;
}

TEST(Buffer, ALargeOneBeginsAtAHugePageAndHoldsNoMoreThanItsPages) {
  const std::size_t size = (6u << 20) + 5000;
  const Buffer<char> first(size);
  const Buffer<char> second(size);
  for (const Buffer<char>* buffer : {&first, &second}) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer->data()) % (2u << 20), 0u);
    EXPECT_GE(mapped_around(buffer->data()), size);
    EXPECT_LT(mapped_around(buffer->data()), size + (64u << 10));  // the largest page that systems use
  }
}

TEST(Buffer, AFreedOneIsNoLongerMapped) {
  auto buffer = std::make_unique<Buffer<char>>((6u << 20) + 5000);
  const char* const last = buffer->data() + buffer->size() - 1;
  EXPECT_GT(mapped_around(last), 0u);
  buffer.reset();
  EXPECT_EQ(mapped_around(last), 0u);
}

TEST(Buffer, AnEmptyOneHoldsNothing) {
  const Buffer<float> buffer(0);
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_EQ(buffer.size(), 0u);
}

TEST(Buffer, MovingHandsTheMemoryOn) {
  Buffer<int> first(3);
  first[2] = 7;
  const int* memory = first.data();
  Buffer<int> second(std::move(first));
  EXPECT_EQ(second.data(), memory);
  EXPECT_EQ(second[2], 7);
  Buffer<int> third(1);
  third = std::move(second);
  EXPECT_EQ(third.data(), memory);
  EXPECT_EQ(third.size(), 3u);
}

TEST(Buffer, MoreThanTheSystemHasIsAResourceError) {
  EXPECT_THROW(Buffer<char>(std::size_t{1} << 60), ResourceError);
}

}  // namespace
}  // namespace gemring

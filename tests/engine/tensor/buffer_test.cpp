#include "engine/tensor/buffer.h"

#include <gtest/gtest.h>

#include <cstdint>
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

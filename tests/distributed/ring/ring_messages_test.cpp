#include "distributed/ring/ring_messages.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/support/numbers.h"

namespace gemring {
namespace {

constexpr std::size_t kTokens = 5;
constexpr std::size_t kHeads = 4;
constexpr std::size_t kHeadDim = 16;  // two heads share a block of 8 bits
constexpr std::size_t kRows = kTokens * kHeads;

/// What a message type may change of a number in [-1, 1).
double rounding(DataType type) {
  return type == DataType::f32 ? 0 : type == DataType::bf16 ? 0x1p-9 : 0.5 / 127 + 0x1p-11;
}

/// A part of `tokens` tokens with made-up means of values. Row i's m and l are those of sums between 1 and 2 with m
/// moved by 2^shift(i); every seventh row saw no key.
template <class Shift>
void fill(const PartialAttention& part, Shift shift) {
  const std::vector<float> o = test::numbers(part.o.size(), 1);
  const std::vector<float> l = test::numbers(kRows, 2);
  for (std::size_t row = 0; row < part.o.tokens() * kHeads; ++row) {
    const bool seen = row % 7 != 3;
    for (std::size_t d = 0; d < kHeadDim; ++d) part.o.data()[row * kHeadDim + d] = seen ? o[row * kHeadDim + d] : 0.0f;
    part.m.data()[row] = seen ? 30.0f - static_cast<float>(shift(row)) : kNothingSeen;
    part.l.data()[row] = seen ? std::ldexp(1.5f + l[row] / 2, shift(row)) : 0.0f;
  }
}

PartialMessage message_of(DataType type) {
  const std::size_t part = part_bytes(kTokens, kHeads, kHeadDim, DataType::f32);
  return {part, type == DataType::f32 ? 0 : part_bytes(kTokens, kHeads, kHeadDim, type), kHeads, kHeadDim, type};
}

/// From one member's memory into another's, as messages do.
void deliver(PartialMessage& from, PartialMessage& to, std::size_t tokens) {
  const std::span<const std::byte> sent = from.packed(tokens);
  const std::span<std::byte> received = to.incoming(tokens);
  ASSERT_EQ(sent.size(), received.size());
  std::memcpy(received.data(), sent.data(), sent.size());
  to.unpack(tokens);
}

std::vector<float> values(const float* data, std::size_t count) {
  return {data, data + count};
}

TEST(PartialMessage, RoundsMeansOfValuesOnlyWhereverMLies) {
  for (const DataType type : {DataType::f32, DataType::bf16, DataType::q8_0}) {
    for (const int size : {0, 1, 30, 64}) {
      // Neighbours in a block of 8 bits lie 2^128 apart where states were sent as they are.
      const auto shift = [&](std::size_t row) { return row % 2 == 0 ? size : -size; };
      PartialMessage from = message_of(type), to = message_of(type);
      for (const std::size_t tokens : {std::size_t{1}, kTokens}) {
        fill(from.view(tokens), shift);
        const auto o = values(from.view(tokens).o.data(), tokens * kHeads * kHeadDim);
        const auto m = values(from.view(tokens).m.data(), tokens * kHeads);
        const auto l = values(from.view(tokens).l.data(), tokens * kHeads);
        deliver(from, to, tokens);
        EXPECT_LE(test::largest_difference(values(to.view(tokens).o.data(), o.size()), o), rounding(type))
            << name(type) << ", 2^" << size;
        EXPECT_EQ(values(to.view(tokens).m.data(), m.size()), m);
        EXPECT_EQ(values(to.view(tokens).l.data(), l.size()), l);
      }
    }
  }
}

TEST(PartialMessage, MergesAlikeWhereverMLies) {
  const auto merged = [](DataType type, int ours, int theirs) {
    PartialMessage from = message_of(type), to = message_of(type);
    fill(from.view(kTokens), [&](std::size_t row) { return row % 3 == 0 ? theirs : 0; });
    deliver(from, to, kTokens);
    OwnState own(part_bytes(kTokens, kHeads, kHeadDim, DataType::f32), kHeads, kHeadDim);
    const PartialSoftmax state = own.view(kTokens);
    const std::vector<float> o = test::numbers(state.o.size(), 5, 2);
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t d = 0; d < kHeadDim; ++d)
        state.o.data()[row * kHeadDim + d] = std::ldexp(o[row * kHeadDim + d], ours);
      state.m.data()[row] = 31.0f - static_cast<float>(ours);
      state.l.data()[row] = std::ldexp(2.0f, ours);
    }
    merge(state, to.view(kTokens));
    finish(state, state.o);
    return values(state.o.data(), o.size());
  };
  for (const DataType type : {DataType::f32, DataType::bf16, DataType::q8_0}) {
    const auto expected = merged(type, 0, 0);
    EXPECT_LE(test::largest_difference(expected, merged(DataType::f32, 0, 0)), rounding(type));
    for (const int ours : {-60, 60}) {
      for (const int theirs : {-60, 60}) EXPECT_EQ(merged(type, ours, theirs), expected) << name(type);
    }
  }
}

}  // namespace
}  // namespace gemring

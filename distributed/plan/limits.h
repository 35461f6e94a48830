// The most that plans are made for: what reads options and files refuses more, so that nothing below has to look.
#pragma once

#include <cstdint>

namespace gemring {

/// Tokens of a prompt and its answer together. Sums of positions stay below 2^31 and bytes below 2^64.
inline constexpr std::int32_t kMostTokens = 1'000'000'000;

/// Sequences in the stages at a time.
inline constexpr std::int32_t kMostParallel = 1 << 16;

/// No host has more bytes, and no plan is told to need more: sums over thousands of ranks still fit 64 bits.
inline constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;

/// What a file or an option says a host has, as a number of bytes; more than kMostBytes is kMostBytes. Not below 0.
constexpr std::uint64_t whole_bytes(double bytes) {
  return bytes < static_cast<double>(kMostBytes) ? static_cast<std::uint64_t>(bytes) : kMostBytes;
}

}  // namespace gemring

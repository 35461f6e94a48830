// Random bits that depend on their arguments alone: the same on every machine and rank. Not against attackers.
#pragma once

#include <cstdint>

namespace gemring {

/// SplitMix64 (Steele, Lea, Flood 2014): the output for `state`. Number i of the sequence of a key, read at any place,
/// is splitmix64(key + i * kSplitMixStep).
inline constexpr std::uint64_t kSplitMixStep = 0x9e3779b97f4a7c15u;

constexpr std::uint64_t splitmix64(std::uint64_t state) {
  std::uint64_t z = state + kSplitMixStep;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace gemring

// FNV-1a, 64 bits: the same everywhere, for names and fingerprints. Not against attackers.
// Source: RFC 9923 (Fowler, Noll, Vo).
#pragma once

#include <cstdint>
#include <string_view>

namespace gemring {

constexpr std::uint64_t kFnvStart = 0xcbf29ce484222325u;

constexpr std::uint64_t fnv1a(std::string_view bytes, std::uint64_t hash = kFnvStart) {
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  return hash;
}

/// The eight bytes of a number, lowest first.
constexpr std::uint64_t fnv1a(std::uint64_t number, std::uint64_t hash) {
  for (int byte = 0; byte < 8; ++byte) hash = (hash ^ ((number >> (8 * byte)) & 0xffu)) * 0x100000001b3u;
  return hash;
}

}  // namespace gemring

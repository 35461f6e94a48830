// The eight tile registers of AMX: who configures and releases them, and their instructions. For files of this folder
// only. Everything is in an anonymous namespace, as all code that is compiled with an instruction set's flags.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gemring {
namespace {

constexpr std::size_t kTileLines = 16;      // of a whole tile
constexpr std::size_t kTileLineBytes = 64;  // 16 floats, 32 bf16, 64 bytes
constexpr std::size_t kTileBytes = kTileLines * kTileLineBytes;

/// Lines and bytes a line of each of the eight tiles, as LDTILECFG reads them (Intel's manual, volume 1, 18.2).
struct alignas(64) TileShapes {
  std::uint8_t palette = 1;
  std::uint8_t first_line = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t line_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};  // the last eight stay 0
  std::uint8_t lines[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);

/// The calling thread's tiles, while this lives: eight of 16 x 64 bytes unless told otherwise. Released at the end, so
/// that the system does not save them with every switch of threads.
class TilesInUse {
 public:
  explicit TilesInUse(const TileShapes& shapes = TileShapes{}) { asm volatile("ldtilecfg %0" : : "m"(shapes)); }
  ~TilesInUse() { asm volatile("tilerelease" : :); }
  TilesInUse(const TilesInUse&) = delete;
  TilesInUse& operator=(const TilesInUse&) = delete;
};

// Not the compiler's own macros: g++ 12 does not tell that a load reads memory, and moves stores behind it.

/// Line i from `from + i * stride` bytes; any alignment.
template <int tile>
inline void load_tile(const void* from, std::size_t stride = kTileLineBytes) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(tile) : "memory");
}

/// The same, of what is not wanted again soon: leaves L1 to the rest.
template <int tile>
inline void load_tile_once(const void* from, std::size_t stride = kTileLineBytes) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(tile) : "memory");
}

template <int tile>
inline void store_tile(void* to, std::size_t stride = kTileLineBytes) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(tile) : "memory");
}

template <int tile>
inline void zero_tile() {
  asm volatile("tilezero %%tmm%c0" : : "i"(tile));
}

/// c[i, j] += sum over k of a[i, k] b[k, j] of bf16 in f32.   a: [16 i, 32 k]; b: [16 pairs of k, 16 j, 2]
template <int c, int a, int b>
inline void multiply_bf16_tiles() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
}

/// c[i, j] += sum over k of a[i, k] b[k, j] of signed bytes in int32.   a: [16 i, 64 k]; b: [16 fours of k, 16 j, 4]
template <int c, int a, int b>
inline void multiply_int8_tiles() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(c), "i"(a), "i"(b));
}

}  // namespace
}  // namespace gemring

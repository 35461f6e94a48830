// Messages are cut into pieces, because MPI 3 counts in int. Internal to distributed/comm and its tests.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace gemring::detail {

inline std::size_t largest_piece = std::size_t{1} << 30;

/// Largest piece of a message in bytes, 1 GiB unless a test lowers it (to the same on every rank; to no less than 100
/// for a broadcast).
inline void set_largest_piece(std::size_t bytes) {
  largest_piece = bytes;
}

struct Piece {
  std::size_t offset = 0;
  int bytes = 0;
};

/// A message of so many bytes in pieces of at most largest_piece; one of 0 bytes for an empty message, so that a
/// disagreement about its size is found.
inline std::vector<Piece> pieces_of(std::size_t bytes) {
  std::vector<Piece> pieces;
  std::size_t offset = 0;
  do {
    const std::size_t length = std::min(bytes - offset, largest_piece);
    pieces.push_back({offset, static_cast<int>(length)});
    offset += length;
  } while (offset < bytes);
  return pieces;
}

}  // namespace gemring::detail

// Which texts the filter ranks have kept readings of: rank 0's list, from which it says what a pass need not read again
// and what is given up for it. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <span>
#include <vector>

#include "engine/base/types.h"

namespace gemring {

class TextDirectory {
 public:
  struct Sizes {
    std::int32_t chunk = 0;                                         // tokens
    std::size_t budget = 0;                                         // bytes of all readings on all ranks
    std::function<std::size_t(std::int32_t chunks)> bytes_of = {};  // of a reading, on all ranks
  };
  explicit TextDirectory(Sizes sizes) : sizes_(std::move(sizes)) {}

  /// Of a text's beginning.
  struct Found {
    std::uint64_t reading = 0;  // 0: nothing
    std::int32_t chunks = 0;    // of it
  };

  /// The reading that has the most of the first `usable` tokens of a prompt; it counts as used now. `angles`: passes
  /// whose positions turn keys alike have one number.
  Found find(std::span<const TokenId> prompt, std::int32_t usable, std::uint64_t angles);

  /// The first `chunks` chunks of a prompt are kept from now on, under the number that is returned; 0: they are there
  /// already, or have no room. Readings that have to go, and those that are a part of this one: `drop`.
  std::uint64_t keep(std::span<const TokenId> prompt, std::int32_t chunks, std::uint64_t angles,
                     std::vector<std::uint64_t>& drop);

  /// Of a reading of `ids`, whole chunks: how many the first `usable` tokens of a prompt can be gone on from.
  std::int32_t usable_chunks(std::span<const TokenId> ids, std::span<const TokenId> prompt, std::int32_t usable) const;

  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return readings_.size(); }

 private:
  struct Reading {
    std::uint64_t number = 0;
    std::uint64_t angles = 0;
    std::vector<TokenId> ids;  // of whole chunks
    std::size_t bytes = 0;
  };
  using Place = std::list<Reading>::iterator;
  std::int32_t chunks_of(const Reading& reading) const;
  std::int32_t common_chunks(std::span<const TokenId> ids, std::span<const TokenId> prompt) const;
  void remove(Place place, std::vector<std::uint64_t>& drop);

  Sizes sizes_;
  std::list<Reading> readings_;  // the one that was used last in front
  std::size_t bytes_ = 0;
  std::uint64_t next_ = 1;
};

}  // namespace gemring

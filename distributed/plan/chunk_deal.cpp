#include "distributed/plan/chunk_deal.h"

#include <algorithm>
#include <numeric>

#include "engine/base/check.h"

namespace gemring {

ChunkDeal::ChunkDeal(std::int32_t positions, std::int32_t length, std::span<const std::int32_t> shares)
    : members_(static_cast<int>(shares.size())),
      shares_(shares.begin(), shares.end()),
      positions_(positions),
      length_(length) {
  GEMRING_CHECK(positions >= 0 && length > 0 && members_ > 0, "{} positions in chunks of {} for {} members", positions,
                length, members_);
  const std::int64_t all = std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
  std::vector<std::int64_t> due(shares.size());  // what a member is behind, in 1 / all of a chunk
  const std::int32_t count = positions / length + (positions % length == 0 ? 0 : 1);
  for (std::int32_t chunk = 0; chunk < count; ++chunk) {
    for (std::size_t member = 0; member < shares.size(); ++member) due[member] += shares[member];
    const auto next = std::max_element(due.begin(), due.end());
    *next -= all;
    owners_.push_back(static_cast<int>(next - due.begin()));
  }
}

std::pair<std::int32_t, std::int32_t> ChunkDeal::round(std::int32_t index) const {
  return {std::min(index * members_, chunks()), std::min((index + 1) * members_, chunks())};
}

PositionRange ChunkDeal::range(std::int32_t chunk) const {
  const std::int32_t begin = chunk * length_;
  return {GlobalPosition(begin), GlobalPosition(begin + std::min(length_, positions_ - begin))};
}

std::int32_t ChunkDeal::next_of(int member, std::int32_t chunk) const {
  do {
    ++chunk;
  } while (chunk < chunks() && owner(chunk) != member);
  return chunk;
}

std::vector<GlobalPosition> ChunkDeal::positions_of(int member) const {
  std::vector<GlobalPosition> positions;
  for (std::int32_t chunk = next_of(member, -1); chunk < chunks(); chunk = next_of(member, chunk)) {
    const PositionRange owned = range(chunk);
    for (GlobalPosition position = owned.begin; position < owned.end; ++position) positions.push_back(position);
  }
  return positions;
}

std::uint64_t ChunkDeal::share_of(int member, std::uint64_t bytes) const {
  const std::int64_t all = std::accumulate(shares_.begin(), shares_.end(), std::int64_t{0});
  const double share = static_cast<double>(shares_.at(static_cast<std::size_t>(member))) / static_cast<double>(all);
  return static_cast<std::uint64_t>(static_cast<double>(bytes) * share);
}

std::int32_t ChunkDeal::size(int member) const {
  std::int32_t size = 0;
  for (std::int32_t chunk = next_of(member, -1); chunk < chunks(); chunk = next_of(member, chunk))
    size += range(chunk).size();
  return size;
}

}  // namespace gemring

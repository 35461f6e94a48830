#include "distributed/plan/zigzag.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {

ZigzagShards::ZigzagShards(PositionRange range, int members)
    : ZigzagShards(range, Shares(static_cast<std::size_t>(std::max(members, 0)), 1)) {}

ZigzagShards::ZigzagShards(PositionRange range, std::span<const std::int32_t> shares) : range_(range) {
  std::int64_t sum = 0;
  for (const std::int32_t share : shares) {
    GEMRING_CHECK(share >= 1, "a share of {}", share);
    sum += share;
  }
  GEMRING_CHECK(!shares.empty() && sum <= kMostShares && range.size() >= 0, "{} members, shares of {}, {} positions",
                shares.size(), sum, range.size());
  borders_.reserve(2 * shares.size() + 1);
  std::int64_t before = 0;
  const auto add = [&](std::int32_t share) {
    borders_.push_back(static_cast<std::int32_t>(before * range.size() / (2 * sum)));
    before += share;
  };
  for (auto share = shares.begin(); share != shares.end(); ++share) add(*share);
  for (auto share = shares.rbegin(); share != shares.rend(); ++share) add(*share);
  borders_.push_back(range.size());
}

std::vector<PositionRange> ZigzagShards::ranges(int member) const {
  GEMRING_CHECK(member >= 0 && member < members(), "member {} of {}", member, members());
  std::vector<PositionRange> ranges;
  for (const int part : {member, 2 * members() - 1 - member}) {
    const PositionRange piece{range_.begin + border(part), range_.begin + border(part + 1)};
    if (piece.size() == 0) continue;
    if (!ranges.empty() && ranges.back().end == piece.begin) {
      ranges.back().end = piece.end;
    } else {
      ranges.push_back(piece);
    }
  }
  return ranges;
}

std::vector<GlobalPosition> ZigzagShards::positions(int member) const {
  std::vector<GlobalPosition> positions;
  positions.reserve(static_cast<std::size_t>(size(member)));
  for (const PositionRange& range : ranges(member)) {
    for (GlobalPosition position = range.begin; position < range.end; ++position) positions.push_back(position);
  }
  return positions;
}

std::int32_t ZigzagShards::size(int member) const {
  GEMRING_CHECK(member >= 0 && member < members(), "member {} of {}", member, members());
  const int second = 2 * members() - 1 - member;
  return (border(member + 1) - border(member)) + (border(second + 1) - border(second));
}

std::int32_t ZigzagShards::largest() const {
  std::int32_t largest = 0;
  for (int member = 0; member < members(); ++member) largest = std::max(largest, size(member));
  return largest;
}

int ZigzagShards::part_of(GlobalPosition position) const {
  GEMRING_CHECK(range_.begin <= position && position < range_.end, "position {} outside [{}, {})", position.value(),
                range_.begin.value(), range_.end.value());
  // The last part that begins at or before it: earlier ones of the same border are empty.
  return static_cast<int>(std::upper_bound(borders_.begin(), borders_.end(), position - range_.begin) -
                          borders_.begin()) -
         1;
}

int ZigzagShards::owner(GlobalPosition position) const {
  const int part = part_of(position);
  return std::min(part, 2 * members() - 1 - part);
}

LocalPosition ZigzagShards::local(GlobalPosition position) const {
  const int part = part_of(position);
  const int member = std::min(part, 2 * members() - 1 - part);
  const std::int32_t before = part == member ? 0 : border(member + 1) - border(member);
  return LocalPosition(before + (position - range_.begin) - border(part));
}

}  // namespace gemring

#include "distributed/plan/zigzag.h"

#include <algorithm>

#include "engine/base/check.h"

namespace gemring {

ZigzagShards::ZigzagShards(PositionRange range, int members) : range_(range), members_(members) {
  GEMRING_CHECK(members >= 1 && range.size() >= 0, "{} members, {} positions", members, range.size());
}

std::int32_t ZigzagShards::border(int part) const {
  return static_cast<std::int32_t>(std::int64_t{part} * range_.size() / (2 * members_));
}

std::vector<PositionRange> ZigzagShards::ranges(int member) const {
  GEMRING_CHECK(member >= 0 && member < members_, "member {} of {}", member, members_);
  std::vector<PositionRange> ranges;
  for (const int part : {member, 2 * members_ - 1 - member}) {
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
  GEMRING_CHECK(member >= 0 && member < members_, "member {} of {}", member, members_);
  const int second = 2 * members_ - 1 - member;
  return border(member + 1) - border(member) + border(second + 1) - border(second);
}

std::int32_t ZigzagShards::largest() const {
  std::int32_t largest = 0;
  for (int member = 0; member < members_; ++member) largest = std::max(largest, size(member));
  return largest;
}

int ZigzagShards::part_of(GlobalPosition position) const {
  GEMRING_CHECK(range_.begin <= position && position < range_.end, "position {} outside [{}, {})", position.value(),
                range_.begin.value(), range_.end.value());
  // The last part j with floor(j n / 2g) <= p, that is j n < 2g (p + 1): earlier ones of the same border are empty.
  const std::int64_t behind = std::int64_t{position - range_.begin} + 1;
  return static_cast<int>((2 * members_ * behind - 1) / range_.size());
}

int ZigzagShards::owner(GlobalPosition position) const {
  const int part = part_of(position);
  return std::min(part, 2 * members_ - 1 - part);
}

LocalPosition ZigzagShards::local(GlobalPosition position) const {
  const int part = part_of(position);
  const int member = std::min(part, 2 * members_ - 1 - part);
  const std::int32_t before = part == member ? 0 : border(member + 1) - border(member);
  return LocalPosition(before + (position - range_.begin) - border(part));
}

}  // namespace gemring

#include "distributed/pipeline/logit_rows.h"

#include <algorithm>

namespace gemring {
namespace {
constexpr std::int32_t kPieceRows = 64;  // bounds a sender's buffer: 64 rows of a vocabulary of 128k are 32 MB
}

std::vector<PositionRange> logit_pieces(const ZigzagShards& shards, int member, GlobalPosition wanted_from) {
  std::vector<PositionRange> pieces;
  for (const PositionRange& range : shards.ranges(member)) {
    for (GlobalPosition begin = std::max(range.begin, wanted_from); begin < range.end; begin = begin + kPieceRows) {
      pieces.push_back({begin, std::min(begin + kPieceRows, range.end)});
    }
  }
  return pieces;
}

LogitReceiver::LogitReceiver(Communicator& world, const std::vector<RankId>& senders, const ZigzagShards& shards,
                             GlobalPosition wanted_from, std::span<float> rows, std::size_t vocab) {
  for (int member = 0; member < shards.members(); ++member) {
    const RankId sender = senders[static_cast<std::size_t>(member)];
    if (sender.value() == world.member()) continue;
    for (const PositionRange& piece : logit_pieces(shards, member, wanted_from)) {
      const auto first_row = static_cast<std::size_t>(piece.begin - wanted_from);
      transfers_.push_back(receive(world,
                                   rows.subspan(first_row * vocab, static_cast<std::size_t>(piece.size()) * vocab),
                                   sender.value(), MessageKind::logits));
    }
  }
}

bool LogitReceiver::done() {
  return std::all_of(transfers_.begin(), transfers_.end(), [](Transfer& transfer) { return transfer.done(); });
}

}  // namespace gemring

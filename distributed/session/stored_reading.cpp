#include "distributed/session/stored_reading.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "engine/base/check.h"

namespace gemring {
namespace {

constexpr int kFirst = 0;  // the member at which readings are outside

/// Rows [begin, begin + out's) of one layer, which lie in parts one behind the other.
void copy_rows(const KeptReading& reading, std::size_t layer, std::size_t row_bytes, std::size_t begin,
               std::span<std::byte> out) {
  std::size_t before = 0;
  std::byte* to = out.data();
  std::size_t left = out.size() / row_bytes;
  for (const KeptReading::Part& part : reading.parts) {
    const std::size_t end = before + part.rows;
    if (begin < end && left > 0) {
      const std::size_t rows = std::min(end - begin, left);
      const std::byte* const from = part.segment->keys[layer].data() + (begin - before) * row_bytes;
      to = std::copy_n(from, rows * row_bytes, to);
      begin += rows;
      left -= rows;
    }
    before = end;
  }
  GEMRING_CHECK(left == 0, "{} rows of a chunk are missing", left);
}

/// Where a member's records come from or go to.
struct OwnPart {
  std::function<void(std::int32_t chunk, std::span<std::byte> bytes)> keys, halos;
};

/// Calls `each` for every record in order: whose it is, its size and the member's own side of it.
template <class Each>
void for_each_record(const ChunkDeal& deal, const ReadingLayout& layout, std::int32_t chunks, const OwnPart& own,
                     Each&& each) {
  for (std::int32_t chunk = 0; chunk < chunks; ++chunk) {
    each(deal.owner(chunk), layout.key_bytes(), [&](std::span<std::byte> bytes) { own.keys(chunk, bytes); });
    const std::int32_t next = chunk + 1;
    if (!keeps_halos(next, chunks)) continue;
    each(deal.owner(next), layout.halo_bytes(), [&](std::span<std::byte> bytes) { own.halos(next, bytes); });
  }
}

/// Chunks of a member before `chunk`.
std::size_t own_chunks_before(const ChunkDeal& deal, int member, std::int32_t chunk) {
  std::size_t count = 0;
  for (std::int32_t own = deal.next_of(member, -1); own < chunk; own = deal.next_of(member, own)) ++count;
  return count;
}

std::size_t chunk_rows(const ReadingLayout& layout) {
  return static_cast<std::size_t>(layout.sizes.chunk);
}

OwnPart part_of(const KeptReading& reading, const ChunkDeal& deal, const ReadingLayout& layout, int member) {
  const auto keys = [&, member](std::int32_t chunk, std::span<std::byte> bytes) {
    const std::size_t row_bytes = layout.shape.bytes_per_token();
    const std::size_t first = own_chunks_before(deal, member, chunk) * chunk_rows(layout);
    const std::size_t size = chunk_rows(layout) * row_bytes;
    for (std::size_t layer = 0; layer < layout.scoring_layers; ++layer)
      copy_rows(reading, layer, row_bytes, first, bytes.subspan(layer * size, size));
  };
  const auto halos = [&](std::int32_t chunk, std::span<std::byte> bytes) {
    std::byte* to = bytes.data();
    for (WindowHalo& halo : *reading.halos.at(chunk)) to = std::copy_n(halo.bytes().data(), halo.size(), to);
  };
  return {keys, halos};
}

/// Into which records are copied: the keys of `segment`, and halos of `reading`.
OwnPart room_in(KeySegment& segment, KeptReading& reading, const ChunkDeal& deal, const ReadingLayout& layout,
                int member) {
  const auto keys = [&, member](std::int32_t chunk, std::span<std::byte> bytes) {
    const std::size_t size = chunk_rows(layout) * layout.shape.bytes_per_token();
    const std::size_t first = own_chunks_before(deal, member, chunk) * size;
    for (std::size_t layer = 0; layer < layout.scoring_layers; ++layer)
      std::copy_n(bytes.data() + layer * size, size, segment.keys[layer].data() + first);
  };
  const auto halos = [&](std::int32_t chunk, std::span<std::byte> bytes) {
    auto all = std::make_shared<std::vector<WindowHalo>>();
    for (std::size_t layer = 0; layer < layout.layers; ++layer) {
      WindowHalo& halo = all->emplace_back(layout.shape, layout.sizes);
      std::copy_n(bytes.data() + layer * halo.size(), halo.size(), halo.bytes().data());
    }
    reading.halos.emplace(chunk, std::move(all));
  };
  return {keys, halos};
}

}  // namespace

ReadingLayout reading_layout(const ModelConfig& config, const FilterProfile& profile, const ComputeOptions& options) {
  return {.shape = kv_shape(config, options.kv_type),
          .sizes = {profile.window, profile.sinks, options.filter_chunk},
          .scoring_layers = static_cast<std::size_t>(profile.scoring_layers()),
          .layers = static_cast<std::size_t>(profile.filter_layer().value())};
}

void store_reading(Communicator& group, const ChunkDeal& deal, const ReadingLayout& layout, std::int32_t chunks,
                   const KeptReading& own, ReadingSink* sink) {
  Buffer<std::byte> memory(std::max(layout.key_bytes(), layout.halo_bytes()));
  const auto pass_on = [&](int owner, std::size_t size, const auto& fill) {
    const std::span<std::byte> bytes(memory.data(), size);
    if (owner == group.member()) fill(bytes);
    if (owner != kFirst && owner == group.member()) group.send(bytes, kFirst, MessageKind::ring).wait();
    if (owner != kFirst && sink != nullptr) group.receive(bytes, owner, MessageKind::ring).wait();
    if (sink != nullptr) sink->write(bytes);
  };
  for_each_record(deal, layout, chunks, part_of(own, deal, layout, group.member()), pass_on);
}

KeptReading restore_reading(Communicator& group, const ChunkDeal& deal, const ReadingLayout& layout,
                            std::int32_t chunks, ReadingSource* source) {
  const std::size_t rows = own_chunks_before(deal, group.member(), chunks) * chunk_rows(layout);
  const auto segment = std::make_shared<KeySegment>();
  for (std::size_t layer = 0; layer < layout.scoring_layers; ++layer)
    segment->keys.emplace_back(rows * layout.shape.bytes_per_token());
  KeptReading reading;
  if (source != nullptr) source->rewind();
  Buffer<std::byte> memory(std::max(layout.key_bytes(), layout.halo_bytes()));
  const auto pass_on = [&](int owner, std::size_t size, const auto& take) {
    const std::span<std::byte> bytes(memory.data(), size);
    if (source != nullptr) source->read(bytes);
    if (owner != kFirst && source != nullptr) group.send(bytes, owner, MessageKind::ring).wait();
    if (owner != kFirst && owner == group.member()) group.receive(bytes, kFirst, MessageKind::ring).wait();
    if (owner == group.member()) take(bytes);
  };
  for_each_record(deal, layout, chunks, room_in(*segment, reading, deal, layout, group.member()), pass_on);
  if (rows > 0) reading.parts.push_back({segment, rows});
  return reading;
}

}  // namespace gemring

#include "distributed/session/text_directory.h"

#include <algorithm>
#include <utility>

#include "distributed/session/kept_reading.h"

namespace gemring {

std::int32_t TextDirectory::chunks_of(const Reading& reading) const {
  return static_cast<std::int32_t>(reading.ids.size()) / sizes_.chunk;
}

std::int32_t TextDirectory::common_chunks(std::span<const TokenId> ids, std::span<const TokenId> prompt) const {
  const auto differs = std::mismatch(ids.begin(), ids.end(), prompt.begin(), prompt.end());
  return static_cast<std::int32_t>(differs.first - ids.begin()) / sizes_.chunk;
}

std::int32_t TextDirectory::usable_chunks(std::span<const TokenId> ids, std::span<const TokenId> prompt,
                                          std::int32_t usable) const {
  const std::int32_t all = static_cast<std::int32_t>(ids.size()) / sizes_.chunk;
  std::int32_t chunks = std::min(common_chunks(ids, prompt), usable / sizes_.chunk);
  while (chunks > 0 && !keeps_halos(chunks, all)) --chunks;
  return chunks;
}

TextDirectory::Found TextDirectory::find(std::span<const TokenId> prompt, std::int32_t usable, std::uint64_t angles) {
  Found best;
  Place used = readings_.end();
  for (auto place = readings_.begin(); place != readings_.end(); ++place) {
    if (place->angles != angles) continue;
    const std::int32_t chunks = usable_chunks(place->ids, prompt, usable);
    if (chunks <= best.chunks) continue;
    best = {place->number, chunks};
    used = place;
  }
  if (used != readings_.end()) readings_.splice(readings_.begin(), readings_, used);
  return best;
}

void TextDirectory::remove(Place place, std::vector<std::uint64_t>& drop) {
  drop.push_back(place->number);
  bytes_ -= place->bytes;
  readings_.erase(place);
}

std::uint64_t TextDirectory::keep(std::span<const TokenId> prompt, std::int32_t chunks, std::uint64_t angles,
                                  std::vector<std::uint64_t>& drop) {
  const std::size_t bytes = sizes_.bytes_of(chunks);
  if (chunks == 0 || bytes > sizes_.budget) return 0;
  for (auto place = readings_.begin(); place != readings_.end();) {
    const auto next = std::next(place);
    const std::int32_t common = std::min(common_chunks(place->ids, prompt), chunks);
    if (place->angles == angles && common == chunks && chunks_of(*place) >= chunks &&
        keeps_halos(chunks, chunks_of(*place))) {
      return 0;
    }
    if (place->angles == angles && common == chunks_of(*place)) remove(place, drop);
    place = next;
  }
  while (bytes_ + bytes > sizes_.budget) remove(std::prev(readings_.end()), drop);
  const auto tokens = static_cast<std::ptrdiff_t>(chunks) * sizes_.chunk;
  readings_.push_front({next_++, angles, {prompt.begin(), prompt.begin() + tokens}, bytes});
  bytes_ += bytes;
  return readings_.front().number;
}

}  // namespace gemring

#include "distributed/session/select.h"

#include <numeric>

#include "engine/base/check.h"
#include "engine/base/hash.h"
#include "engine/base/trace.h"

namespace gemring {
namespace {

std::vector<OriginalPosition> all_positions(std::size_t n) {
  std::vector<OriginalPosition> positions;
  positions.reserve(n);
  for (std::size_t i = 0; i < n; ++i) positions.emplace_back(i);
  return positions;
}

[[maybe_unused]] void check_equal_on_all_ranks(Communicator& world, const CompressedPrompt& compressed) {
  std::uint64_t hash = kFnvStart;
  for (std::size_t i = 0; i < compressed.ids.size(); ++i) {
    hash = fnv1a(compressed.kept[i].index(), hash);
    hash = fnv1a(compressed.ids[i].index(), hash);
  }
  const auto own = std::as_bytes(std::span(&hash, 1));
  for (const auto& other : world.all_gather(own)) {
    GEMRING_CHECK(std::equal(own.begin(), own.end(), other.begin(), other.end()),
                  "rank {} holds other kept tokens than another rank", world.member());
  }
}

}  // namespace

CompressedPrompt select(Communicator& world, std::span<const TokenId> prompt, std::span<const float> scores,
                        const ResolvedSelection& selection) {
  CompressedPrompt compressed;
  if (world.member() == 0) {
    const TraceSpan span("select", SpanKind::other, prompt.size());
    compressed = compress(prompt, scores.empty() ? all_positions(prompt.size()) : select_positions(scores, selection));
  }
  std::uint64_t count = compressed.ids.size();
  world.broadcast(std::as_writable_bytes(std::span(&count, 1)), 0);
  compressed.kept.resize(count);
  compressed.ids.resize(count);
  world.broadcast(std::as_writable_bytes(std::span(compressed.kept)), 0);
  world.broadcast(std::as_writable_bytes(std::span(compressed.ids)), 0);
#ifndef NDEBUG
  check_equal_on_all_ranks(world, compressed);
#endif
  return compressed;
}

}  // namespace gemring

// What of a prompt is kept or left out as one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gemring {

enum class KeepUnit : std::int32_t {
  tokens,     // each for itself: GemFilter
  chunks,     // kChunkTokens that stand together, on a grid from the prompt's first token on
  lines,      // of the text
  sentences,  // of the text
};

inline constexpr std::int32_t kChunkTokens = 32;  // SpecPrefill's (arXiv 2502.02789)

/// Whether its borders stand in the text: token ids alone have none.
constexpr bool needs_text(KeepUnit unit) {
  return unit == KeepUnit::lines || unit == KeepUnit::sentences;
}

/// "tokens", as options, request lines and profiles say it.
std::string_view name(KeepUnit unit);

/// Nothing where it is the name of none.
std::optional<KeepUnit> keep_unit_of(std::string_view name);

}  // namespace gemring

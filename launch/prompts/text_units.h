// Lines and sentences of a prompt's text as ranges of its tokens: what --keep-unit keeps whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/selection/keep_unit.h"

namespace gemring {

/// Longer lines and sentences are cut into equal parts of at most so many tokens: a page without a line end would fill
/// the whole of the kept prompt.
inline constexpr std::int32_t kMostUnitTokens = 64;

/// Bytes behind the sentences of `text`, ascending, the last one its size; none where it is empty. A sentence ends
/// behind . ! ? and closing quotes where white space follows, behind the full stops of Chinese and Japanese, and at a
/// blank line. No end: a full stop before a small letter, or behind a capitalised word of up to three letters ("Mr.").
std::vector<std::size_t> ends_of_sentences(std::string_view text);

/// The same of lines, behind their line feed.
std::vector<std::size_t> ends_of_lines(std::string_view text);

/// ResolvedSelection::unit_ends. ends: Encoding::ends; a token belongs to the unit that it begins in. Requires:
/// needs_text(unit).
std::vector<std::int32_t> unit_ends(KeepUnit unit, std::string_view text, std::span<const std::size_t> ends);

}  // namespace gemring

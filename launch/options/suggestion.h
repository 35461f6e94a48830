// What somebody may have meant who wrote a word that there is not.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// The fewest letters to insert, to leave out, to replace, or neighbours to swap (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The word that is meant most likely: a few letters from it, or with the same parts ("--max-tokens" for
/// "--max-new-tokens"); empty where none is near.
std::string nearest_word(std::string_view written, std::span<const std::string> words);

/// "did you mean --keep? ", or nothing.
std::string did_you_mean(std::string_view written, std::span<const std::string> words);

}  // namespace gemring

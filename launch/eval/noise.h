// A line that says nothing, which RULER repeats.
#pragma once

#include <string_view>

namespace gemring {

inline constexpr std::string_view kNoise =
    "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";

}  // namespace gemring

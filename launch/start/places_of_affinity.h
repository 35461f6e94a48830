// GOMP_CPU_AFFINITY in the words of OMP_PLACES.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// "7 0-4:2" -> "{7},{0},{2},{4}" where one of the processors is not in `usable`. GNU's OpenMP library looks at the
/// places of OMP_PLACES and does without those that it cannot have; of GOMP_CPU_AFFINITY it takes all, and ends the
/// program when it makes a thread there. Nothing where all are usable, or `affinity` is not what it can read.
std::optional<std::string> places_of_affinity(std::string_view affinity, const std::vector<int>& usable);

}  // namespace gemring

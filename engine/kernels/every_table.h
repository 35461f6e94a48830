// All tables at once. Apart from kernel_table.h, which the sets' own files include: nothing inline of the standard
// library may be compiled with their flags.
#pragma once

#include <vector>

#include "engine/kernels/kernel_table.h"

namespace gemring {

/// The tables of all sets up to `most`, by the set's number. Calls code of these sets and of no other, so that it runs
/// on a machine that has no more than `most`.
std::vector<KernelTable> tables_up_to(Isa most);

}  // namespace gemring

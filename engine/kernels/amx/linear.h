// Products of many tokens on AMX tiles. See tile_product.h.
#pragma once

#include "engine/kernels/tile_product.h"

namespace gemring {

void amx_multiply(const TileProduct& product);

}  // namespace gemring

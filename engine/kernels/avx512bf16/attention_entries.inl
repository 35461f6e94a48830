// A kernel's entries in the table: attention_tile_bf16 by head_dim. The including file has run_tile<depth>(tile,
// scratch) and own_floats(depth), what it takes of Memory::rest.

namespace gemring {
namespace {

constexpr std::size_t kMostDims = 256;

/// Kernels of the set below, for wider heads.
KernelTable below;

/// Depths that there is a kernel for, in units of 32 dimensions.
std::size_t depth_of(std::size_t head_dim) {
  return head_dim > 128 ? 8 : (head_dim + 31) / 32;
}

std::size_t attention_scratch(std::size_t rows, std::size_t head_dim) {
  if (head_dim > kMostDims) return below.attention_scratch(rows, head_dim);
  const std::size_t depth = depth_of(head_dim);
  return Memory::floats(rows, depth) + own_floats(depth);
}

void attention_tile(const AttentionTile& tile, float* scratch) {
  if (tile.kv.head_dim > kMostDims) return below.attention_tile(tile, scratch);
  switch (depth_of(tile.kv.head_dim)) {
    case 1:
      return run_tile<1>(tile, scratch);
    case 2:
      return run_tile<2>(tile, scratch);
    case 3:
      return run_tile<3>(tile, scratch);
    case 4:
      return run_tile<4>(tile, scratch);
    default:
      return run_tile<8>(tile, scratch);
  }
}

void use_attention(KernelTable& table) {
  below = table;
  table.attention_scratch_bf16 = attention_scratch;
  table.attention_tile_bf16 = attention_tile;
}

}  // namespace
}  // namespace gemring

// Rounding up, for the kernels of an instruction set (engine/base/rounding.h says why they have their own).
namespace gemring {
namespace {

constexpr std::size_t round_up(std::size_t x, std::size_t unit) {
  return (x + unit - 1) / unit * unit;
}

}  // namespace
}  // namespace gemring

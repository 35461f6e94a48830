// The activation of gated MLPs. See vector.inl.

namespace gemring {
namespace {

/// x / (1 + e^-x). The exponent is capped at 2^128, infinity: the quotient is then -0, also for the largest -x.
inline Floats silu(Floats x) {
  const Floats exponent = x * -1.44269504f;
  const Floats cap = splat(128.0f);
  return x / (exp2_of(exponent > cap ? cap : exponent) + 1.0f);
}

}  // namespace
}  // namespace gemring

// Rotary position embedding of one head. See vector.inl.

namespace gemring {
namespace {

void rotate(float* x, const float* cos, const float* sin, std::size_t half) {
  std::size_t i = 0;
  for (; i + W <= half; i += W) {
    const Floats a = load(x + i);
    const Floats b = load(x + half + i);
    const Floats c = load(cos + i);
    const Floats s = load(sin + i);
    store(x + i, a * c - b * s);
    store(x + half + i, b * c + a * s);
  }
  for (; i < half; ++i) {
    const float a = x[i];
    const float b = x[half + i];
    x[i] = a * cos[i] - b * sin[i];
    x[half + i] = b * cos[i] + a * sin[i];
  }
}

/// (a, b) = (x[2 i], x[2 i + 1]): plain, the compiler splits the pairs better than shuffles written out.
void rotate_interleaved(float* x, const float* cos, const float* sin, std::size_t half) {
  for (std::size_t i = 0; i < half; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    x[2 * i] = a * cos[i] - b * sin[i];
    x[2 * i + 1] = b * cos[i] + a * sin[i];
  }
}

}  // namespace
}  // namespace gemring

// The input of a layer's products: normalised activations, as the products want them.
#pragma once

#include <cstddef>
#include <span>

#include "engine/kernels/linear/linear.h"

namespace gemring {

/// Rows of scratch that normed_input() wants for so many tokens: all where products run in f32; where they run on tiles
/// what each thread packs at a time. For rows alone (linear.h): all of them.
std::size_t normed_rows(std::size_t tokens, Compute compute, std::size_t threads);

/// rms_norm(x). Where products run on tiles, 16 tokens at a time are normalised and packed while they
/// are in the cache.   x: [tokens, inputs], weight: [inputs], normed: [normed_rows(), inputs] at least. Valid as
/// any LinearInput and as long as `normed`.
LinearInput normed_input(MatrixView<const float> x, std::span<const float> weight, float epsilon,
                         MatrixView<float> normed, LinearScratch& scratch);

}  // namespace gemring

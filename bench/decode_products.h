// Products of decode, one token times a matrix, against the machine's memory.
#pragma once

namespace gemring {

/// Prints a Markdown table: for each stored type and way of the activations GB/s of weights read by all threads from a
/// matrix that no cache holds, its share of the memory's read rate (measured in turns with it; medians), and
/// nanoseconds per 32 weights of one thread from a matrix in its L2 (the best).
void print_decode_products(int repetitions);

}  // namespace gemring

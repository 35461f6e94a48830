// Instruction sets that kernels exist for, and the one in use. Chosen once at start; the same on all ranks of a job.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gemring {

enum class Isa : int {  // ascending: each contains the ones before it
  portable = 0,         // baseline of the compiler's target (SSE2 on x86-64)
  avx2 = 1,             // AVX2 and FMA
  avx512 = 2,           // AVX-512 F, BW, DQ, VL
  avx512vnni = 3,       // + VNNI: dot products of bytes
  avx512bf16 = 4,       // + BF16: bf16 dot products, in pairs
  amx = 5,              // + AMX: matrix tiles of bf16 and of bytes
};
inline constexpr Isa kEveryIsa[] = {Isa::portable, Isa::avx2, Isa::avx512, Isa::avx512vnni, Isa::avx512bf16, Isa::amx};

std::string_view name(Isa isa);

/// All names: "portable, avx2, ...".
std::string isa_names();

/// By the names above; nothing for any other text.
std::optional<Isa> parse_isa(std::string_view text);

/// The highest one that this processor and operating system run. The first call asks Linux for the use of tiles (AMX)
/// by this process: it comes before any thread is started.
Isa detected_isa();

/// The one whose kernels run: detected_isa() until set. Setting is for start-up and tests, before any kernel runs;
/// throws ConfigError where the machine lacks it.
Isa active_isa();
void set_active_isa(Isa isa);

/// Space-separated names of the vector extensions the processor reports ("avx2 fma avx512f ... amx_bf16").
std::string processor_extensions();

}  // namespace gemring

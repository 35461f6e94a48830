#include "engine/kernels/isa.h"

#include <fmt/format.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <atomic>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/base/error.h"

namespace gemring {
namespace {

#if defined(__x86_64__)

/// Registers of cpuid leaf 7 (Intel's manual, volume 2A): the builtins do not know the newer bits.
struct Leaf7 {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;

  explicit Leaf7(unsigned subleaf) {
    if (__get_cpuid_count(7, subleaf, &eax, &ebx, &ecx, &edx) == 0) eax = ebx = ecx = edx = 0;
  }
};

constexpr unsigned kVnniInEcx = 1u << 11;
constexpr unsigned kBf16InEaxOfSubleaf1 = 1u << 5;
constexpr unsigned kAmxInEdx = 1u << 22 | 1u << 24 | 1u << 25;  // bf16, tiles, int8

/// Linux gives the 8 KB of tiles to a process that asks (Documentation/x86/xstate.rst); other systems and old kernels
/// refuse.
bool may_use_tiles() {
  constexpr long kRequestComponent = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestComponent, kTileData) == 0;
}

Isa ask_processor() {
  // The builtins ask cpuid and, for the wider registers, whether the operating system saves them.
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::portable;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return Isa::avx2;
  }
  const Leaf7 features(0);
  if ((features.ecx & kVnniInEcx) == 0) return Isa::avx512;
  if ((Leaf7(1).eax & kBf16InEaxOfSubleaf1) == 0) return Isa::avx512vnni;
  if ((features.edx & kAmxInEdx) != kAmxInEdx || !may_use_tiles()) return Isa::avx512bf16;
  return Isa::amx;
}

#else

Isa ask_processor() {
  return Isa::portable;
}

#endif

std::atomic<int>& isa_in_use() {
  static std::atomic<int> value = static_cast<int>(detected_isa());
  return value;
}

}  // namespace

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::portable:
      return "portable";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
    case Isa::avx512vnni:
      return "avx512vnni";
    case Isa::avx512bf16:
      return "avx512bf16";
    case Isa::amx:
      return "amx";
  }
  return "?";
}

std::string isa_names() {
  std::string names;
  for (const Isa isa : kEveryIsa) names += (names.empty() ? "" : ", ") + std::string(name(isa));
  return names;
}

std::optional<Isa> parse_isa(std::string_view text) {
  for (const Isa isa : kEveryIsa) {
    if (text == name(isa)) return isa;
  }
  return std::nullopt;
}

Isa detected_isa() {
  static const Isa detected = ask_processor();
  return detected;
}

Isa active_isa() {
  return static_cast<Isa>(isa_in_use().load(std::memory_order_relaxed));
}

void set_active_isa(Isa isa) {
  if (isa > detected_isa()) {
    throw ConfigError({"GEMRING_ISA", fmt::format("this machine runs {}, not {}", name(detected_isa()), name(isa)),
                       "ask for a lower instruction set or leave the choice to the program"});
  }
  isa_in_use().store(static_cast<int>(isa), std::memory_order_relaxed);
}

std::string processor_extensions() {
  static const std::set<std::string> known = {
      "sse4_2",   "avx",      "avx2",        "fma",         "f16c",        "avx_vnni", "avx512f",  "avx512bw",
      "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8"};
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::string found;
    for (std::string word; words >> word;) {
      if (known.contains(word)) found += (found.empty() ? "" : " ") + word;
    }
    return found;
  }
  return "unknown";
}

}  // namespace gemring

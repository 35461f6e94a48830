#include "engine/kernels/isa.h"

#include <fmt/format.h>

#include <atomic>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/base/error.h"

namespace gemring {
namespace {

std::atomic<int>& active() {
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
  }
  return "?";
}

std::optional<Isa> parse_isa(std::string_view text) {
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (text == name(isa)) return isa;
  }
  return std::nullopt;
}

Isa detected_isa() {
#if defined(__x86_64__)
  // The builtins ask cpuid and, for the wider registers, whether the operating system saves them.
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return Isa::avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::portable;
}

Isa active_isa() {
  return static_cast<Isa>(active().load(std::memory_order_relaxed));
}

void set_active_isa(Isa isa) {
  if (isa > detected_isa()) {
    throw ConfigError({"GEMRING_ISA", fmt::format("this machine runs {}, not {}", name(detected_isa()), name(isa)),
                       "ask for a lower instruction set or leave the choice to the program"});
  }
  active().store(static_cast<int>(isa), std::memory_order_relaxed);
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

#include "engine/weights/sample.h"

#include <algorithm>
#include <span>
#include <string>

#include "engine/base/hash.h"

namespace gemring {

std::uint64_t add_sample(const InputFile& file, std::uint64_t offset, std::uint64_t bytes, std::uint64_t hash) {
  constexpr std::uint64_t kSample = 1024;  // bytes
  const std::uint64_t last = bytes - std::min(bytes, kSample);
  std::string sample(std::min(bytes, kSample), '\0');
  for (const std::uint64_t begin : {std::uint64_t{0}, last / 2, last}) {
    file.read_at(offset + begin, std::as_writable_bytes(std::span(sample)));
    hash = fnv1a(sample, hash);
  }
  return hash;
}

}  // namespace gemring

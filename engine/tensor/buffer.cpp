#include "engine/tensor/buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdlib>

#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr std::size_t kAlignment = 64;      // a cache line, and the widest vector register
constexpr std::size_t kMapFrom = 4u << 20;  // from two huge pages on a mapping of its own pays
constexpr std::size_t kHugePage = 2u << 20;

std::size_t rounded(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

void* allocate_tensor_memory(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes >= kMapFrom) {
    memory = mmap(nullptr, rounded(bytes, kHugePage), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      memory = nullptr;
    else
      madvise(memory, rounded(bytes, kHugePage), MADV_HUGEPAGE);
  } else {
    memory = std::aligned_alloc(kAlignment, rounded(bytes, kAlignment));
  }
  if (memory == nullptr) {
    throw ResourceError({"memory", fmt::format("the system refuses {} bytes for a tensor", bytes),
                         "use more ranks, a shorter prompt or a smaller --keep"});
  }
  return memory;
}

void free_tensor_memory(void* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return;
  if (bytes >= kMapFrom)
    munmap(memory, rounded(bytes, kHugePage));
  else
    std::free(memory);
}

}  // namespace gemring

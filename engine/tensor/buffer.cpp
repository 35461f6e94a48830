#include "engine/tensor/buffer.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "engine/base/error.h"

namespace gemring {
namespace {

constexpr std::size_t kAlignment = 64;      // a cache line, and the widest vector register
constexpr std::size_t kMapFrom = 4u << 20;  // from two huge pages on a mapping of its own pays
constexpr std::size_t kHugePage = 2u << 20;

std::size_t page() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t rounded(std::size_t bytes, std::size_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

/// A mapping that begins at a huge page and ends at a small one: whole huge pages inside, and a tail that holds no more
/// than is used (a matrix of 4.3 MB would else take 6). nullptr where the system refuses.
void* map_memory(std::size_t bytes) {
  const std::size_t length = rounded(bytes, page());
  const std::size_t reserved = length + kHugePage;
  void* const start = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  auto* const begin = static_cast<std::byte*>(start);
  const std::size_t lead =
      rounded(reinterpret_cast<std::uintptr_t>(start), kHugePage) - reinterpret_cast<std::uintptr_t>(start);
  if (lead > 0) munmap(begin, lead);
  if (lead < kHugePage) munmap(begin + lead + length, kHugePage - lead);
  madvise(begin + lead, length, MADV_HUGEPAGE);  // a refusal costs speed only
  return begin + lead;
}

}  // namespace

void* allocate_tensor_memory(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes >= kMapFrom) {
    memory = map_memory(bytes);
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
    munmap(memory, rounded(bytes, page()));
  else
    std::free(memory);
}

}  // namespace gemring

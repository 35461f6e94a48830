// Which addresses belong to which tensor: written when tensors are mapped, read in a signal handler.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gemring {

/// What the handler says of a mapping. Owned by the mapping, valid until it is removed.
struct MappingRecord {
  const char* file = "";
  const char* tensor = "";
  int descriptor = -1;
  std::uint64_t file_end = 0;  // bytes the file must have for the tensor to be whole
};

/// A fixed array without locks: the handler may interrupt any thread at any instruction.
class MappingRegistry {
 public:
  static constexpr std::size_t kCapacity = 65536;  // Linux allows a process about as many mappings (vm.max_map_count)

  /// Slot of the range [begin, end); kCapacity where all are taken.
  std::size_t add(std::uintptr_t begin, std::uintptr_t end, const MappingRecord* record) noexcept;
  void remove(std::size_t slot) noexcept;

  /// The record of the range that holds `address`, or nullptr. Safe in a signal handler.
  const MappingRecord* find(std::uintptr_t address) const noexcept;

 private:
  struct Slot {
    std::atomic<std::uintptr_t> begin{0};  // 0: free; kReserved: being filled
    std::atomic<std::uintptr_t> end{0};
    std::atomic<const MappingRecord*> record{nullptr};
  };
  static constexpr std::uintptr_t kReserved = 1;
  static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

  std::array<Slot, kCapacity> slots_;
  std::atomic<std::size_t> next_{0};  // where to look for a free slot first
};

/// The process's registry: signal handlers are the process's too.
MappingRegistry& mapping_registry() noexcept;

}  // namespace gemring

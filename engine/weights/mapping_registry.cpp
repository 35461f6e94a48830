#include "engine/weights/mapping_registry.h"

namespace gemring {
namespace {

constinit MappingRegistry registry;  // no guard variable that a signal handler could find locked

}  // namespace

MappingRegistry& mapping_registry() noexcept {
  return registry;
}

std::size_t MappingRegistry::add(std::uintptr_t begin, std::uintptr_t end, const MappingRecord* record) noexcept {
  const std::size_t first = next_.fetch_add(1, std::memory_order_relaxed);
  for (std::size_t tried = 0; tried < kCapacity; ++tried) {
    Slot& slot = slots_[(first + tried) % kCapacity];
    std::uintptr_t free = 0;
    if (!slot.begin.compare_exchange_strong(free, kReserved, std::memory_order_acquire)) continue;
    slot.end.store(end, std::memory_order_relaxed);
    slot.record.store(record, std::memory_order_relaxed);
    slot.begin.store(begin, std::memory_order_release);  // last: whoever sees it sees the rest
    return (first + tried) % kCapacity;
  }
  return kCapacity;
}

void MappingRegistry::remove(std::size_t slot) noexcept {
  slots_[slot].begin.store(0, std::memory_order_release);
}

const MappingRecord* MappingRegistry::find(std::uintptr_t address) const noexcept {
  for (const Slot& slot : slots_) {
    const std::uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin > kReserved && begin <= address && address < slot.end.load(std::memory_order_relaxed)) {
      return slot.record.load(std::memory_order_relaxed);
    }
  }
  return nullptr;
}

}  // namespace gemring

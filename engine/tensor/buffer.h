// Owned memory for tensors: aligned, uninitialised, returned to the system at once when freed.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace gemring {

/// Memory of `bytes` bytes, 64-byte aligned; large ones are mapped on their own, with huge pages asked for. Throws
/// ResourceError where the system has none. Free with free_tensor_memory and the same size.
void* allocate_tensor_memory(std::size_t bytes);
void free_tensor_memory(void* memory, std::size_t bytes) noexcept;

/// Move-only array of trivial T. Contents are undefined after construction (the first writer decides the NUMA node).
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size)
      : data_(size == 0 ? nullptr : static_cast<T*>(allocate_tensor_memory(size * sizeof(T)))), size_(size) {}
  Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Buffer() { free_tensor_memory(data_, size_ * sizeof(T)); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  std::span<T> span() { return {data_, size_}; }
  std::span<const T> span() const { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace gemring

// Bytes behind which nothing may be read. Header only.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <new>

namespace gemring::test {

/// A copy of `count` bytes, less than a page, behind which lies a page that may not be read.
class BytesBeforeAWall {
 public:
  BytesBeforeAWall(const void* bytes, std::size_t count) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    void* pages = mmap(nullptr, 2 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    pages_ = static_cast<std::byte*>(pages);
    mprotect(pages_ + page_, page_, PROT_NONE);
    data_ = pages_ + page_ - count;
    std::memcpy(data_, bytes, count);
  }
  ~BytesBeforeAWall() { munmap(pages_, 2 * page_); }
  BytesBeforeAWall(const BytesBeforeAWall&) = delete;
  BytesBeforeAWall& operator=(const BytesBeforeAWall&) = delete;

  const std::byte* data() const { return data_; }

 private:
  std::size_t page_;
  std::byte* pages_ = nullptr;
  std::byte* data_ = nullptr;
};

}  // namespace gemring::test

#include "engine/weights/mapping.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/tensor/buffer.h"
#include "engine/weights/mapping_registry.h"

namespace gemring {
namespace {

class CopiedTensor final : public TensorData {
 public:
  CopiedTensor(const InputFile& file, std::uint64_t offset, std::uint64_t bytes) : bytes_(bytes) {
    file.read_at(offset, bytes_.span());
  }
  std::span<const std::byte> bytes() const override { return bytes_.span(); }

 private:
  Buffer<std::byte> bytes_;
};

class MappedTensor final : public TensorData {
 public:
  MappedTensor(std::shared_ptr<const InputFile> file, std::string tensor, std::uint64_t offset, std::uint64_t bytes)
      : file_(std::move(file)), tensor_(std::move(tensor)), bytes_(bytes) {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    lead_ = offset % page;
    mapped_ = mmap(nullptr, length(), PROT_READ, MAP_SHARED, file_->descriptor(), static_cast<off_t>(offset - lead_));
    if (mapped_ == MAP_FAILED) {
      throw ResourceError(
          {file_->path(),
           fmt::format("tensor {} ({} bytes) cannot be mapped: {}", tensor_, grouped(bytes), std::strerror(errno)),
           "raise the limits of address space (ulimit -v) and of mappings (sysctl vm.max_map_count)"});
    }
    madvise(mapped_, length(), MADV_WILLNEED);  // read ahead; a refusal costs speed only
    record_ = {file_->path().c_str(), tensor_.c_str(), file_->descriptor(), offset + bytes};
    const auto address = reinterpret_cast<std::uintptr_t>(mapped_);
    slot_ = mapping_registry().add(address, address + length(), &record_);
    if (slot_ == MappingRegistry::kCapacity) {
      munmap(mapped_, length());
      throw ResourceError({file_->path(),
                           fmt::format("more than {} tensors are mapped", grouped(MappingRegistry::kCapacity)),
                           "use more ranks"});
    }
  }
  ~MappedTensor() override {
    mapping_registry().remove(slot_);
    munmap(mapped_, length());
  }
  MappedTensor(const MappedTensor&) = delete;
  MappedTensor& operator=(const MappedTensor&) = delete;

  std::span<const std::byte> bytes() const override { return {static_cast<const std::byte*>(mapped_) + lead_, bytes_}; }

 private:
  std::size_t length() const { return lead_ + bytes_; }

  std::shared_ptr<const InputFile> file_;  // open as long as the mapping: the fault handler asks for its size
  std::string tensor_;
  std::size_t bytes_ = 0;
  std::size_t lead_ = 0;  // bytes between the start of the page and the tensor
  void* mapped_ = nullptr;
  MappingRecord record_;
  std::size_t slot_ = 0;
};

void check_still_whole(const InputFile& file, const std::string& tensor, std::uint64_t end) {
  struct stat status = {};
  if (fstat(file.descriptor(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) >= end) return;
  throw ModelFileError({file.path(),
                        fmt::format("tensor {} ends at byte {}, the file at {}: the file shrank while it was in use",
                                    tensor, grouped(end), grouped(static_cast<std::uint64_t>(status.st_size))),
                        "do not change model files under a running program"});
}

}  // namespace

std::unique_ptr<TensorData> map_tensor(std::shared_ptr<const InputFile> file, const std::string& tensor,
                                       std::uint64_t offset, std::uint64_t bytes, std::size_t alignment) {
  check_still_whole(*file, tensor, offset + bytes);
  if (bytes == 0 || offset % alignment != 0) return std::make_unique<CopiedTensor>(*file, offset, bytes);
  return std::make_unique<MappedTensor>(std::move(file), tensor, offset, bytes);
}

}  // namespace gemring

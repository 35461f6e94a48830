#include "engine/weights/safetensors/safetensors_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"

namespace gemring {
namespace {

std::uint64_t elements_of(const SafetensorsWriter::Tensor& tensor) {
  std::uint64_t elements = 1;
  for (const std::int64_t extent : tensor.shape) elements *= static_cast<std::uint64_t>(extent);
  return elements;
}

/// u64 length and the JSON, padded with spaces so that the data begins at a multiple of 8 bytes.
std::string header_of(const std::vector<SafetensorsWriter::Tensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::uint64_t end = 0;
  for (const auto& tensor : tensors) {
    const std::uint64_t begin = std::exchange(end, end + elements_of(tensor) * sizeof(float));
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::uint64_t length = text.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(std::string path, const std::vector<Tensor>& tensors)
    : path_(std::move(path)), part_(path_ + ".part") {
  struct stat status = {};
  if (stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {  // renaming would replace a device or a pipe
    throw UsageError({path_, "exists and is no regular file", "name a file to be written"});
  }
  descriptor_ = open(part_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) refuse("cannot be created", errno);
  for (const Tensor& tensor : tensors) elements_left_ += elements_of(tensor);
  try {
    const std::string header = header_of(tensors);
    write_all(header.data(), header.size());
  } catch (...) {  // the destructor does not run
    close(descriptor_);
    unlink(part_.c_str());
    throw;
  }
}

SafetensorsWriter::~SafetensorsWriter() {
  if (descriptor_ < 0) return;
  close(descriptor_);
  unlink(part_.c_str());
}

void SafetensorsWriter::append(std::span<const float> elements) {
  GEMRING_CHECK(elements.size() <= elements_left_, "{} elements more, {} left in {}", elements.size(), elements_left_,
                path_);
  write_all(elements.data(), elements.size_bytes());
  elements_left_ -= elements.size();
}

void SafetensorsWriter::finish() {
  GEMRING_CHECK(descriptor_ >= 0 && elements_left_ == 0, "{}: {} elements are missing", path_, elements_left_);
  if (fsync(descriptor_) != 0) refuse("cannot be written", errno);  // a network disk may be full only now
  if (rename(part_.c_str(), path_.c_str()) != 0) refuse("cannot be put in place", errno);
  close(std::exchange(descriptor_, -1));
}

void SafetensorsWriter::write_all(const void* data, std::size_t bytes) {
  constexpr std::size_t kLargestWrite = std::size_t{1} << 30;  // write(2) moves less than 2 GiB at once
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = write(descriptor_, next, std::min(bytes, kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) refuse("cannot be written", errno);
    next += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

void SafetensorsWriter::refuse(const char* what, int error) const {
  ErrorText text = {path_, fmt::format("{}: {}", what, std::strerror(error)), ""};
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
      text.advice = "make room, or write to another disk";
      throw ResourceError(std::move(text));
    default:
      text.advice = "name a file in a directory that exists and that you may write to";
      throw UsageError(std::move(text));
  }
}

}  // namespace gemring

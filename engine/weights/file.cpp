#include "engine/weights/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"

namespace gemring {
namespace {

[[noreturn]] void refuse_open(const std::string& path, int error) {
  if (error == ENOENT)
    throw ModelFileError({path, "there is no such file", "check the path; download what is missing"});
  throw ModelFileError({path, fmt::format("cannot be opened: {}", std::strerror(error)), "check its permissions"});
}

}  // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // NONBLOCK: a pipe must not hang the program
  if (descriptor_ < 0) refuse_open(path_, errno);
  struct stat status = {};
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor_);
    throw ModelFileError({path_, "is no regular file", "give the file itself, no directory or pipe"});
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  close(descriptor_);
}

void InputFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  constexpr std::size_t kLargestRead = std::size_t{1} << 30;  // read(2) moves less than 2 GiB at once
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(descriptor_, out.data() + done, std::min(out.size() - done, kLargestRead),
                              static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw ModelFileError({path_,
                            fmt::format("cannot be read at byte {}: {}", grouped(offset + done), std::strerror(errno)),
                            "check the disk or file server"});
    }
    if (got == 0) {
      throw ModelFileError(
          {path_, fmt::format("ends at byte {}, {} are needed", grouped(offset + done), grouped(offset + out.size())),
           "the file is cut short; download it again"});
    }
    done += static_cast<std::size_t>(got);
  }
}

void refuse_git_lfs_pointer(const InputFile& file) {
  constexpr std::string_view kOpening = "version https://git-lfs";
  std::array<char, kOpening.size()> opening = {};
  if (file.size() < opening.size()) return;
  file.read_at(0, std::as_writable_bytes(std::span(opening)));
  if (std::string_view(opening.data(), opening.size()) != kOpening) return;
  throw ModelFileError(
      {file.path(), "is a git-lfs pointer, not the weights", "run `git lfs pull` in the model's directory"});
}

bool file_exists(const std::string& path) {
  if (access(path.c_str(), F_OK) == 0) return true;
  if (errno == ENOENT) return false;
  refuse_open(path, errno);
}

std::string path_in(const std::string& directory, const std::string& name) {
  return (std::filesystem::path(directory) / name).string();
}

std::string read_text_file(const std::string& path, std::uint64_t limit) {
  const InputFile file(path);
  if (file.size() > limit) {
    throw ModelFileError({path, fmt::format("has {} bytes; at most {} are read", grouped(file.size()), grouped(limit)),
                          "this is not the small text file that it should be"});
  }
  std::string text(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

}  // namespace gemring

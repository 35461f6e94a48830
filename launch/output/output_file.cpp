#include "launch/output/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "engine/base/error.h"

namespace gemring {
namespace {

std::string part_of(const std::string& path) {
  return path + ".part";
}

}  // namespace

void require_writable(const std::string& path, const char* option) {
  struct stat status {};
  const bool is_directory = stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  const int file = is_directory ? -1 : open(part_of(path).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) {
    throw UsageError({option,
                      fmt::format("{} cannot be written: {}", path, std::strerror(is_directory ? EISDIR : errno)),
                      "name a file in a directory that exists and may be written to"});
  }
  close(file);
  unlink(part_of(path).c_str());
}

PartFile::PartFile(std::string path)
    : path_(std::move(path)), out_(part_of(path_), std::ios::binary | std::ios::trunc) {}

PartFile::~PartFile() {
  if (!committed_) unlink(part_of(path_).c_str());
}

void PartFile::commit() {
  out_.close();
  if (!out_ || std::rename(part_of(path_).c_str(), path_.c_str()) != 0) {
    throw ResourceError({path_, fmt::format("cannot be written: {}", std::strerror(errno)),
                         "look at the free space and the rights of its directory"});
  }
  committed_ = true;
}

void write_atomically(const std::string& path, const std::string& contents) {
  PartFile file(path);
  file.out().write(contents.data(), static_cast<std::streamsize>(contents.size()));
  file.commit();
}

}  // namespace gemring

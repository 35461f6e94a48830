#include "engine/base/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/place.h"

namespace gemring {
namespace {

/// What a path leads to.
struct Destination {
  enum class Kind {
    regular,     // a regular file, or none yet: `path` is replaced
    straight,    // a pipe, a device, another process's descriptor: `path` is opened
    descriptor,  // one of our own: `number`
    refused      // `error` says why
  };
  Kind kind = Kind::refused;
  std::string path;
  int number = -1;
  int error = 0;
};

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_in_proc(const std::string& path) {
  struct statfs system {};
  return statfs(directory_of(path).c_str(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/// The number of our own descriptor that a link of /proc stands for; -1: it is another process's.
int own_descriptor(const std::string& link) {
  char* const directory = realpath(directory_of(link).c_str(), nullptr);
  if (directory == nullptr) return -1;
  const std::string ours = fmt::format("/proc/{}/", getpid());
  const bool is_ours = std::string_view(directory).starts_with(ours) && std::string_view(directory).ends_with("/fd");
  std::free(directory);
  const std::string name = name_of(link);
  int number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return is_ours && error == std::errc() && end == name.data() + name.size() ? number : -1;
}

Destination refused(int error) {
  return {Destination::Kind::refused, {}, -1, error};
}

/// Of what is there and is no link.
Destination destination_of(std::string path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) return refused(EISDIR);
  if (S_ISSOCK(status.st_mode)) return refused(ENXIO);
  if (access(path.c_str(), W_OK) != 0) return refused(errno);
  return {S_ISREG(status.st_mode) ? Destination::Kind::regular : Destination::Kind::straight, std::move(path), -1, 0};
}

Destination open_descriptor(int number) {
  const int mode = fcntl(number, F_GETFL);
  if (mode < 0 || (mode & O_ACCMODE) == O_RDONLY) return refused(EBADF);
  return {Destination::Kind::descriptor, {}, number, 0};
}

/// Follows links one by one: a link of /proc stands for an open file, whatever name that file has, if any. Redirected
/// output (> FILE) must not lose its file to a rename.
Destination follow(std::string path) {
  constexpr int kMostLinks = 40;  // as the system
  for (int links = 0; links < kMostLinks; ++links) {
    struct stat status {};
    if (lstat(path.c_str(), &status) != 0) {
      if (errno != ENOENT) return refused(errno);
      if (path.empty()) return refused(ENOENT);
      if (name_of(path).empty()) return refused(EISDIR);
      if (is_in_proc(path)) return refused(EBADF);
      return {Destination::Kind::regular, std::move(path), -1, 0};
    }
    if (!S_ISLNK(status.st_mode)) return destination_of(std::move(path), status);
    if (is_in_proc(path)) {
      const int number = own_descriptor(path);
      if (number >= 0) return open_descriptor(number);
      if (stat(path.c_str(), &status) != 0) return refused(errno);
      const Destination other = destination_of(path, status);
      return other.error != 0 ? other : Destination{Destination::Kind::straight, path, -1, 0};
    }
    std::string target(PATH_MAX, '\0');
    const ssize_t length = readlink(path.c_str(), target.data(), target.size());
    if (length < 0) return refused(errno);
    target.resize(static_cast<std::size_t>(length));
    if (!target.starts_with('/')) target.insert(0, directory_of(path).append("/"));
    path = std::move(target);
  }
  return refused(ELOOP);
}

Destination destination_of(const std::string& path) {
  return is_standard_output(path) ? open_descriptor(STDOUT_FILENO) : follow(path);
}

/// Of a file beside `target`: hidden, and nobody knows it before it is there.
std::string temporary_name(const std::string& target) {
  std::uint64_t number = 0;
  while (getrandom(&number, sizeof number, 0) != sizeof number) continue;
  constexpr std::size_t kLongest = NAME_MAX - 32;
  return fmt::format("{}/.{}.{:016x}.part", directory_of(target), name_of(target).substr(0, kLongest), number);
}

/// Its descriptor, or -1 and errno; `name` is then empty.
int make_temporary(const std::string& target, std::string& name) {
  int descriptor = -1;
  do {
    name = temporary_name(target);
    descriptor = open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor < 0 && (errno == EEXIST || errno == EINTR));
  if (descriptor < 0) name.clear();
  return descriptor;
}

int open_to_write(const std::string& path, int more) {
  int descriptor = -1;
  do {
    descriptor = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | more);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

/// A FIFO that nobody reads holds up whoever opens it to write; said, since it looks like a program that hangs.
int open_fifo(const std::string& path, NoReader no_reader) {
  const int descriptor = open_to_write(path, O_NONBLOCK);
  if (descriptor >= 0) {
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
    return descriptor;
  }
  if (errno != ENXIO || no_reader == NoReader::fails) return -1;
  log_warn("{} is a FIFO that nobody reads: waiting for a reader", path);
  return open_to_write(path, 0);
}

int open_straight(const std::string& path, NoReader no_reader) {
  struct stat status {};
  const bool fifo = stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  return fifo ? open_fifo(path, no_reader) : open_to_write(path, 0);
}

bool is_for_want_of_room(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG || error == EIO;
}

}  // namespace

bool is_standard_output(std::string_view path) {
  return path == "-";
}

void require_writable(const std::string& path, const char* option) {
  const Destination destination = destination_of(path);
  int problem = destination.error;
  if (destination.kind == Destination::Kind::regular) {
    std::string name;
    const int descriptor = make_temporary(destination.path, name);
    problem = descriptor < 0 ? errno : 0;
    if (descriptor >= 0) {
      close(descriptor);
      unlink(name.c_str());
    }
  }
  if (problem == 0) return;
  const char* advice = problem == EBADF ? "that descriptor is not open for writing here: under mpirun a shell's >(...) "
                                          "does not reach the ranks; name a file, or a FIFO"
                                        : "name a file in a directory that exists and may be written to";
  throw UsageError({option, fmt::format("{} cannot be written: {}", path, std::strerror(problem)), advice});
}

OutputFile::OutputFile(std::string path, NoReader no_reader) : path_(std::move(path)) {
  const OutsideMark outside;  // a pipe's reader may come late
  const Destination destination = destination_of(path_);
  switch (destination.kind) {
    case Destination::Kind::refused:
      errno = destination.error;
      break;
    case Destination::Kind::regular:
      target_ = destination.path;
      descriptor_ = make_temporary(target_, temporary_);
      if (descriptor_ >= 0) keep_permissions();
      break;
    case Destination::Kind::straight:
      descriptor_ = open_straight(destination.path, no_reader);
      break;
    case Destination::Kind::descriptor:
      std::fflush(stdout);  // what was said before stands before
      descriptor_ = fcntl(destination.number, F_DUPFD_CLOEXEC, 0);
      break;
  }
  if (descriptor_ < 0) fail("cannot be opened for writing");
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::keep_permissions() const {
  constexpr mode_t kPermissions = 0777;
  struct stat old {};
  struct stat made {};
  if (stat(target_.c_str(), &old) != 0 || fstat(descriptor_, &made) != 0) return;  // it is new
  const bool other_owner = old.st_uid != made.st_uid || old.st_gid != made.st_gid;
  // Only root may give a file away; whoever else may write there owns what he writes, and keeps it to the same readers.
  const bool owned = !other_owner || fchown(descriptor_, old.st_uid, old.st_gid) == 0;
  fchmod(descriptor_, owned || old.st_gid == made.st_gid ? old.st_mode & kPermissions : old.st_mode & made.st_mode);
}

void OutputFile::fail(const char* what) {
  if (error_ != 0) return;
  error_ = errno;
  what_ = what;
}

void OutputFile::write(std::string_view bytes) {
  constexpr std::size_t kLargestWrite = std::size_t{1} << 30;  // write(2) moves less than 2 GiB at once
  const OutsideMark outside;                                   // whoever reads may be slow
  while (error_ == 0 && !bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), std::min(bytes.size(), kLargestWrite));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail("cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void OutputFile::require_good() const {
  if (error_ == 0) return;
  ErrorText text = {path_, fmt::format("{}: {}", what_, std::strerror(error_)), ""};
  if (is_for_want_of_room(error_)) text.advice = "make room, or write to another disk";
  if (error_ == EPIPE) text.advice = "whoever read it is gone";
  if (!text.advice.empty()) throw ResourceError(std::move(text));
  text.advice = "name a file in a directory that exists and may be written to";
  throw UsageError(std::move(text));
}

void OutputFile::commit() {
  // A pipe or a device need not be able to; a network disk may be full only now.
  if (error_ == 0 && !temporary_.empty() && fsync(descriptor_) != 0) fail("cannot be written");
  if (descriptor_ >= 0 && close(std::exchange(descriptor_, -1)) != 0) fail("cannot be written");
  if (error_ == 0 && !temporary_.empty()) {
    if (std::rename(temporary_.c_str(), target_.c_str()) != 0) {
      fail("cannot be put in place");
    } else {
      temporary_.clear();
      const int directory = open(directory_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (directory >= 0) {
        fsync(directory);  // of the name; not every file system can
        close(directory);
      }
    }
  }
  require_good();
}

void write_file(const std::string& path, std::string_view contents, NoReader no_reader) {
  OutputFile file(path, no_reader);
  file.write(contents);
  file.commit();
}

}  // namespace gemring

#include "engine/base/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <system_error>

namespace gemring {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;

[[noreturn]] void fail() {
  throw std::system_error(errno, std::generic_category());
}

struct Descriptor {
  explicit Descriptor(const std::string& path) : number(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number < 0) fail();
  }
  ~Descriptor() { close(number); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int number;
};

}  // namespace

std::string read_whole_descriptor(int descriptor) {
  std::string text;
  std::size_t size = 0;
  for (;;) {
    if (text.size() - size < kPiece) text.resize(std::max(2 * text.size(), 2 * kPiece));
    const ssize_t count = read(descriptor, text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail();
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.erase(size);
  return text;
}

std::string read_whole_file(const std::string& path) {
  const Descriptor file(path);
  return read_whole_descriptor(file.number);
}

}  // namespace gemring

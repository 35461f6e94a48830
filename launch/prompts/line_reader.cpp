#include "launch/prompts/line_reader.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/error.h"

namespace gemring {
namespace {
constexpr std::size_t kLongestLine = std::size_t{1} << 30;
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

LineReader::LineReader(int input, std::string name, std::function<bool()> before_reading)
    : input_(input),
      name_(std::move(name)),
      before_reading_(std::move(before_reading)),
      buffer_(std::size_t{1} << 16) {}

bool LineReader::next(std::string& line) {
  line.clear();
  for (bool any = false;; any = true) {
    if (begin_ == end_ && !fill()) return any;
    const char* const first = buffer_.data() + begin_;
    const void* const found = std::memchr(first, '\n', end_ - begin_);
    const std::size_t length =
        found == nullptr ? end_ - begin_ : static_cast<std::size_t>(static_cast<const char*>(found) - first);
    if (line.size() + length > kLongestLine) {
      throw UsageError({name_, "has a line of more than 1 GiB", "give one JSON value a line"});
    }
    line.append(first, length);
    begin_ += length;
    if (found == nullptr) continue;
    ++begin_;
    return true;
  }
}

bool LineReader::fill() {
  if (!before_reading_()) return false;
  ssize_t count = 0;
  do {
    count = read(input_, buffer_.data(), buffer_.size());
  } while (count < 0 && errno == EINTR);
  if (count < 0) throw UsageError({name_, fmt::format("cannot be read: {}", std::strerror(errno)), ""});
  begin_ = 0;
  end_ = static_cast<std::size_t>(count);
  return count > 0;
}

}  // namespace gemring

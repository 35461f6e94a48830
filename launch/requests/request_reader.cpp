#include "launch/requests/request_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/base/affinity.h"
#include "launch/options/option.h"
#include "launch/prompts/line_reader.h"
#include "launch/start/failure.h"

namespace gemring {
namespace {

constexpr std::size_t kAhead = 4;  // requests read and tokenised that nobody has taken up

}  // namespace

RequestInput::RequestInput(const std::string& path) : name_(input_name(path)) {
  descriptor_ = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status {};
  int problem = descriptor_ < 0 || fstat(descriptor_, &status) != 0 ? errno : 0;
  if (problem == 0 && S_ISDIR(status.st_mode)) problem = EISDIR;
  if (problem == 0) return;
  if (descriptor_ > STDIN_FILENO) close(descriptor_);
  throw UsageError({"--requests", fmt::format("{} cannot be read: {}", name_, std::strerror(problem)),
                    "name a file with a JSON object a line, or - for standard input"});
}

RequestInput::~RequestInput() {
  if (descriptor_ > STDIN_FILENO) close(descriptor_);
}

std::optional<std::size_t> RequestInput::count_lines() const {
  struct stat status {};
  const off_t start = lseek(descriptor_, 0, SEEK_CUR);
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode) || start < 0) return std::nullopt;
  LineReader lines(descriptor_, name_, [] { return true; });
  std::size_t count = 0;
  for (std::string line; lines.next(line);) count += is_blank(line) ? 0 : 1;
  if (lseek(descriptor_, start, SEEK_SET) != start) {
    throw UsageError({name_, fmt::format("cannot be read again: {}", std::strerror(errno)), ""});
  }
  return count;
}

StopSignal::StopSignal() : event_(eventfd(0, EFD_CLOEXEC)) {
  if (event_ < 0) throw ResourceError({"eventfd", std::strerror(errno), "raise the limit of open files"});
}

StopSignal::~StopSignal() {
  close(event_);
}

void StopSignal::stop() const {
  eventfd_write(event_, 1);  // cannot fail: the counter is far from its end
}

bool StopSignal::wait_for(int input) const {
  std::array<pollfd, 2> both = {pollfd{input, POLLIN, 0}, pollfd{event_, POLLIN, 0}};
  while (poll(both.data(), both.size(), -1) < 0 && errno == EINTR) continue;
  return both[1].revents == 0;
}

RequestReader::RequestReader(const RequestInput& input, Handlers handlers)
    : input_(input), handlers_(std::move(handlers)), thread_([this] { read_all(); }) {}

RequestReader::~RequestReader() {
  {
    const MutexLock held(mutex_);
    stop_ = true;
  }
  room_.notify_one();
  signal_.stop();
  thread_.join();
}

void RequestReader::read_all() {
  begin_thread("requests");
  try {
    LineReader lines(input_.descriptor(), input_.name(), [&] { return signal_.wait_for(input_.descriptor()); });
    std::size_t index = 0;
    std::size_t number = 0;
    for (std::string line; lines.next(line);) {
      ++number;
      if (is_blank(line)) continue;
      if (!put(item_of(line, {index++, number, {}}))) return;
    }
    finish(nullptr);
  } catch (...) {
    finish(std::current_exception());
  }
}

RequestReader::Item RequestReader::item_of(std::string_view text, RequestPlace place) const {
  Item item{std::move(place), {}};
  try {
    item.request = handlers_.make(text, item.place);
  } catch (const std::exception& error) {
    item.request.refused = as_error(error);
    if (item.request.refused->code() == ExitCode::internal) throw;
  }
  return item;
}

bool RequestReader::put(Item item) {
  const MutexLock held(mutex_);
  while (!stop_ && items_.size() >= kAhead) room_.wait(mutex_);
  if (stop_) return false;
  items_.push_back(std::move(item));
  if (wake_) wake_();
  return true;
}

void RequestReader::finish(std::exception_ptr failure) {
  const MutexLock held(mutex_);
  finished_ = true;
  failure_ = std::move(failure);
  if (wake_) wake_();
}

std::optional<GenerationRequest> RequestReader::next() {
  MutexLock held(mutex_);
  if (items_.empty()) return std::nullopt;
  Item item = std::move(items_.front());
  items_.pop_front();
  held.unlock();
  room_.notify_one();
  handlers_.accept(item.place, item.request);
  return std::move(item.request);
}

bool RequestReader::ended() {
  const MutexLock held(mutex_);
  if (!finished_ || !items_.empty()) return false;
  if (failure_) std::rethrow_exception(failure_);
  return true;
}

void RequestReader::wake_with(std::function<void()> wake) {
  const MutexLock held(mutex_);
  wake_ = std::move(wake);
}

}  // namespace gemring

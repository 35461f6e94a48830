// The SIGBUS handler. Everything in it is on the list of signal-safety(7): no allocation, no stdio, no lock.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "engine/base/error.h"
#include "engine/weights/mapping.h"
#include "engine/weights/mapping_registry.h"

namespace gemring {
namespace {

constexpr std::size_t kProcessBytes = 320;   // "rank 1234567 on " and a host name of 255 bytes
constexpr std::size_t kMessageBytes = 4096;  // one write of up to PIPE_BUF bytes is not torn by those of other ranks

struct HandlerState {
  char process[kProcessBytes] = {};
  std::atomic<bool (*)() noexcept> may_report{nullptr};
  std::atomic_flag struck = ATOMIC_FLAG_INIT;
};
constinit HandlerState state;

/// A text of bounded length, put together without the heap.
class Message {
 public:
  void append(const char* text, std::size_t limit = kMessageBytes) noexcept {
    const std::size_t length = std::min({std::strlen(text), limit, sizeof text_ - size_});
    std::memcpy(text_ + size_, text, length);
    size_ += length;
  }
  void write_to_stderr() const noexcept {
    if (write(STDERR_FILENO, text_, size_) < 0) return;  // nobody is left to be told
  }

 private:
  char text_[kMessageBytes];
  std::size_t size_ = 0;
};

void report(const MappingRecord& record) noexcept {
  struct stat status = {};
  const bool shrank =
      fstat(record.descriptor, &status) == 0 && static_cast<std::uint64_t>(status.st_size) < record.file_end;
  Message message;
  message.append("gemring: ");
  message.append(record.file, 1500);
  message.append(": tensor ");
  message.append(record.tensor, 1024);
  message.append(" cannot be read any more: ");
  message.append(shrank ? "the file shrank while it was in use\n  do not change model files under a running program"
                        : "the disk or file server failed\n  check it, and read the kernel's log (dmesg)");
  message.append("      (");
  message.append(state.process);
  message.append(state.process[0] != '\0' ? ", exit 4)\n" : "exit 4)\n");
  message.write_to_stderr();
}

void on_bus_error(int signal, siginfo_t* info, void*) noexcept {
  const bool from_memory = info->si_code > 0;  // sent by the kernel for an access, not by kill(2)
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const MappingRecord* record = from_memory ? mapping_registry().find(address) : nullptr;
  if (record == nullptr) {
    ::signal(signal, SIG_DFL);
    raise(signal);  // held back until this handler returns
    return;
  }
  // Other threads of this process are struck as well; the first speaks for all and ends them.
  while (state.struck.test_and_set()) pause();
  const auto may_report = state.may_report.load();
  if (may_report == nullptr || may_report()) report(*record);
  _exit(static_cast<int>(ExitCode::model_file));
}

}  // namespace

void install_mapping_fault_handler(const MappingFaultOptions& options) {
  const std::size_t length = std::min(options.process.size(), sizeof state.process - 1);
  std::memcpy(state.process, options.process.data(), length);
  state.process[length] = '\0';
  state.may_report.store(options.may_report);
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace gemring

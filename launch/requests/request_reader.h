// Reads the lines of --requests on a thread of its own, a few ahead of what runs.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "distributed/session/request_source.h"
#include "engine/base/error.h"
#include "engine/base/mutex.h"

namespace gemring {

/// A file, or standard input; closed with this.
class RequestInput {
 public:
  /// "-" is standard input. Throws UsageError where the file cannot be read.
  explicit RequestInput(const std::string& path);
  ~RequestInput();
  RequestInput(const RequestInput&) = delete;
  RequestInput& operator=(const RequestInput&) = delete;

  int descriptor() const { return descriptor_; }
  const std::string& name() const { return name_; }

  /// Lines that are not blank; nothing where reading them would use them up (a pipe).
  std::optional<std::size_t> count_lines() const;

 private:
  std::string name_;
  int descriptor_ = -1;
};

/// Where a request came from.
struct RequestPlace {
  std::size_t index = 0;  // among the lines that are not blank
  std::size_t line = 0;   // of the input, from 1 on
  std::string id;
};

/// One that wakes its waiters when they are to stop; stays so.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  void stop() const;
  /// Waits until `input` can be read without waiting; false where it is to stop.
  bool wait_for(int input) const;

 private:
  int event_ = -1;
};

class RequestReader : public RequestSource {
 public:
  /// What becomes of a line. `make` runs on the reader's thread and sets the place's id; `accept` runs where next() is
  /// called and may hang callbacks on a request. A line for which `make` throws is a request that is refused.
  struct Handlers {
    std::function<GenerationRequest(std::string_view text, RequestPlace& place)> make;
    std::function<void(const RequestPlace&, GenerationRequest&)> accept;
  };

  /// `input` is the caller's and outlives this.
  RequestReader(const RequestInput& input, Handlers handlers);
  ~RequestReader() override;  // does not wait for input

  std::optional<GenerationRequest> next() override;
  bool ended() override;
  void wake_with(std::function<void()> wake) override;

 private:
  struct Item {
    RequestPlace place;
    GenerationRequest request;
  };
  void read_all();
  Item item_of(std::string_view text, RequestPlace place) const;
  bool put(Item item);  // waits for room; false where it is to stop
  void finish(std::exception_ptr failure);

  const RequestInput& input_;
  Handlers handlers_;
  StopSignal signal_;

  Mutex mutex_;
  CondVar room_;
  std::deque<Item> items_ GEMRING_GUARDED_BY(mutex_);
  bool stop_ GEMRING_GUARDED_BY(mutex_) = false;
  bool finished_ GEMRING_GUARDED_BY(mutex_) = false;
  std::exception_ptr failure_ GEMRING_GUARDED_BY(mutex_);
  std::function<void()> wake_ GEMRING_GUARDED_BY(mutex_);

  std::thread thread_;  // last: it uses all the others
};

}  // namespace gemring

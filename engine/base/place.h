// Where a process is in its work, for those who watch over it: marks of the threads that drive it, read by another one.
// A mark is a relaxed store; nothing is formatted and nothing is locked.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/types.h"

namespace gemring {

/// Who is waited for, where it is no rank.
enum : std::int32_t { kNobody = -1, kEveryone = -2, kOwnWorker = -3, kOwnCoordinator = -4 };

/// A look at the marks of a process. Of fixed size and trivially copyable: ranks send it to each other as it lies.
struct Place {
  enum class State : std::int32_t {
    outside,    // not in a request, or held up by something outside of the job, such as the reader of its output
    computing,  // has all it needs
    waiting,    // for another rank
  };
  State state = State::outside;
  std::int32_t waits_for = kNobody;  // State::waiting: a rank of the job, kEveryone, or kOwnWorker: itself
  std::array<char, 8> phase{};       // as the log names it; zeros behind it
  std::array<char, 24> step{};       // the innermost TraceSpan; zeros behind it
  std::int32_t request = -1;         // these and what follows: -1 where there is none
  std::int32_t chunk = -1;           // of a prefill
  std::int32_t position = -1;        // of the first row of a decode step
  LayerIndex layer{-1};
  std::int32_t ring_step = -1;
  std::int32_t ring_steps = -1;
};

/// "prefill, request 1, chunk 2, layer 7, ring step 2 of 4, attend", and for whom it waits. All count from 1, ranks and
/// layers from 0.
std::string describe(const Place& place);

namespace detail {

/// Of one driving thread.
struct PlaceMarks {
  std::atomic<std::uint64_t> steps = 0;  // grows with every mark
  std::atomic<bool> at_work = false;
  std::atomic<std::int32_t> outside = 0;
  std::atomic<std::int32_t> waits_for = kNobody;
  std::atomic<const char*> step = "";
  std::atomic<std::int32_t> request = -1, chunk = -1, position = -1, layer = -1, ring_step = -1, ring_steps = -1;

  /// By the driving thread alone.
  void progress() { steps.store(steps.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
};

inline constinit PlaceMarks worker_marks;
inline constinit PlaceMarks coordinator_marks;
inline constinit thread_local PlaceMarks* own_marks = nullptr;  // nullptr: this thread drives nothing

/// Of all threads that compute; on a cache line that the driving thread's marks do not share.
struct alignas(64) TaskCount {
  std::atomic<std::uint64_t> tasks = 0;
};
inline constinit TaskCount task_count;

template <class Value>
void mark(std::atomic<Value>& where, Value value) {
  where.store(value, std::memory_order_relaxed);
}

}  // namespace detail

/// From here to the end of the block this thread drives the process through requests: as the one that computes, or as
/// the one that decides what comes next. Marks of other threads change nothing.
class DrivingThread {
 public:
  enum class Role { worker, coordinator };
  explicit DrivingThread(Role role);
  ~DrivingThread();
  DrivingThread(const DrivingThread&) = delete;
  DrivingThread& operator=(const DrivingThread&) = delete;
};

/// A step of its own from here to the end of the block, in a layer where one is given. TraceSpan makes one.
class StepMark {
 public:
  StepMark(const char* name, LayerIndex layer) : marks_(detail::own_marks) {  // name: a literal
    if (marks_ == nullptr) return;
    step_before_ = marks_->step.load(std::memory_order_relaxed);
    layer_before_ = marks_->layer.load(std::memory_order_relaxed);
    detail::mark(marks_->step, name);
    if (layer.value() >= 0) detail::mark(marks_->layer, layer.value());
    marks_->progress();
  }
  ~StepMark() {
    if (marks_ == nullptr) return;
    detail::mark(marks_->step, step_before_);
    detail::mark(marks_->layer, layer_before_);
    marks_->progress();
  }
  StepMark(const StepMark&) = delete;
  StepMark& operator=(const StepMark&) = delete;

 private:
  detail::PlaceMarks* marks_;
  const char* step_before_ = nullptr;
  std::int32_t layer_before_ = -1;
};

/// This thread waits for a rank (or kEveryone, kOwnCoordinator) from here to the end of the block.
class WaitMark {
 public:
  explicit WaitMark(std::int32_t whom) : marks_(detail::own_marks) {
    if (marks_ != nullptr) detail::mark(marks_->waits_for, whom);
  }
  ~WaitMark() {
    if (marks_ != nullptr) detail::mark(marks_->waits_for, std::int32_t{kNobody});
  }
  WaitMark(const WaitMark&) = delete;
  WaitMark& operator=(const WaitMark&) = delete;

 private:
  detail::PlaceMarks* marks_;
};

/// This thread may be held up from outside of the job (whoever reads its output) from here to the end of the block.
class OutsideMark {
 public:
  OutsideMark() : marks_(detail::own_marks) {
    if (marks_ != nullptr) marks_->outside.fetch_add(1, std::memory_order_relaxed);
  }
  ~OutsideMark() {
    if (marks_ == nullptr) return;
    marks_->progress();
    marks_->outside.fetch_sub(1, std::memory_order_relaxed);
  }
  OutsideMark(const OutsideMark&) = delete;
  OutsideMark& operator=(const OutsideMark&) = delete;

 private:
  detail::PlaceMarks* marks_;
};

/// A step of a ring (0-based) of so many steps, to the end of the block.
class RingStepMark {
 public:
  RingStepMark(std::int32_t step, std::int32_t steps) : marks_(detail::own_marks) {
    if (marks_ == nullptr) return;
    detail::mark(marks_->ring_step, step);
    detail::mark(marks_->ring_steps, steps);
    marks_->progress();
  }
  ~RingStepMark() {
    if (marks_ != nullptr) detail::mark(marks_->ring_step, std::int32_t{-1});
  }
  RingStepMark(const RingStepMark&) = delete;
  RingStepMark& operator=(const RingStepMark&) = delete;

 private:
  detail::PlaceMarks* marks_;
};

/// Something of a longer step is done: a tile of attention, a panel of a product. From any thread; some nanoseconds, so
/// for tasks that take microseconds at least.
inline void mark_task() {
  detail::task_count.tasks.fetch_add(1, std::memory_order_relaxed);
}

// Of the thread that drives.
void mark_request(std::int32_t request);    // begins; forgets chunk and position
void mark_chunk(std::int32_t chunk);        // of a prefill
void mark_position(std::int32_t position);  // of a decode step
/// Until it is said otherwise: for threads that poll, between whose looks nothing changes.
void mark_waiting(std::int32_t whom);
void mark_progress();

/// Of the process, at most 8 letters are kept. set_log_phase() calls it.
void mark_phase(std::string_view phase);

/// Where the process is now, and a number that changes with every mark of what it does.
struct ProcessLook {
  Place place;
  std::uint64_t marks = 0;
};
ProcessLook look_at_process();

}  // namespace gemring

// Locks that the compiler checks. clang's thread safety analysis (-Wthread-safety, an error) knows
// of each lock what it guards and who holds it; std::mutex of libstdc++ carries no annotations, so these wrap it. See
// https://clang.llvm.org/docs/ThreadSafetyAnalysis.html. Other compilers see nothing of it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define GEMRING_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define GEMRING_THREAD_SAFETY(attribute)
#endif

/// Of a member: read and written by who holds this mutex.
#define GEMRING_GUARDED_BY(mutex) GEMRING_THREAD_SAFETY(guarded_by(mutex))
/// Of a function or lambda, behind its parameters: the caller holds these; the caller must not hold these.
#define GEMRING_REQUIRES(...) GEMRING_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define GEMRING_EXCLUDES(...) GEMRING_THREAD_SAFETY(locks_excluded(__VA_ARGS__))
/// Of a function: it takes, gives back, or takes where it returns true.
#define GEMRING_ACQUIRE(...) GEMRING_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define GEMRING_RELEASE(...) GEMRING_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define GEMRING_TRY_ACQUIRE(...) GEMRING_THREAD_SAFETY(try_acquire_capability(__VA_ARGS__))
/// Of a function that the analysis cannot follow; with a comment that says why it is right.
#define GEMRING_UNCHECKED_LOCKS GEMRING_THREAD_SAFETY(no_thread_safety_analysis)

namespace gemring {

class GEMRING_THREAD_SAFETY(capability("mutex")) Mutex {
 public:
  constexpr Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() GEMRING_ACQUIRE() { mutex_.lock(); }
  void unlock() GEMRING_RELEASE() { mutex_.unlock(); }
  bool try_lock() GEMRING_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

/// For those who will not wait for it forever. Not for CondVar.
class GEMRING_THREAD_SAFETY(capability("mutex")) TimedMutex {
 public:
  TimedMutex() = default;
  TimedMutex(const TimedMutex&) = delete;
  TimedMutex& operator=(const TimedMutex&) = delete;

  void lock() GEMRING_ACQUIRE() { mutex_.lock(); }
  void unlock() GEMRING_RELEASE() { mutex_.unlock(); }
  bool try_lock_for(std::chrono::milliseconds longest) GEMRING_TRY_ACQUIRE(true) {
    return mutex_.try_lock_for(longest);
  }

 private:
  std::timed_mutex mutex_;
};

/// Holds a mutex, of either kind, to the end of the block; unlock() and lock() let it go in between.
template <class AnyMutex>
class GEMRING_THREAD_SAFETY(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(AnyMutex& mutex) GEMRING_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  /// Of a mutex that this thread holds already, such as by try_lock().
  MutexLock(AnyMutex& mutex, std::adopt_lock_t) GEMRING_REQUIRES(mutex) : mutex_(mutex) {}
  ~MutexLock() GEMRING_RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void unlock() GEMRING_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }
  void lock() GEMRING_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }

 private:
  AnyMutex& mutex_;
  bool held_ = true;
};

/// Waits under the mutex of what is waited for, which the analysis sees where the condition stands in a loop:
///     const MutexLock held(mutex_);
///     while (steps_.empty()) filled_.wait(mutex_);
class CondVar {
 public:
  void wait(Mutex& mutex) GEMRING_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    changed_.wait(held);
    held.release();
  }
  /// False where the seconds are over.
  bool wait_for(Mutex& mutex, double seconds) GEMRING_REQUIRES(mutex) {
    std::unique_lock held(mutex.mutex_, std::adopt_lock);
    const auto status = changed_.wait_for(held, std::chrono::duration<double>(seconds));
    held.release();
    return status == std::cv_status::no_timeout;
  }
  void notify_one() { changed_.notify_one(); }
  void notify_all() { changed_.notify_all(); }

 private:
  std::condition_variable changed_;
};

}  // namespace gemring

// What a run still does when it is interrupted.
#pragma once

#include <functional>
#include <thread>

namespace gemring {

/// While it lives, SIGINT and SIGTERM do not end the process at once: `say` runs on a thread of this, whatever the
/// others do, and then, or after five seconds, the process ends with the code 128 + signal (130, 143) without its
/// destructors. mpirun gives its ranks about a second. A second signal of the same kind ends it at once. Signals that
/// are ignored (nohup) stay so.
class LastWords {
 public:
  enum class Then {
    ends,     // as above
    goes_on,  // the process ends by itself; only a second signal ends it
    listens,  // `say` runs for every SIGINT, and the process goes on; SIGTERM ends it as ever
  };

  /// One at a time. Throws ResourceError.
  explicit LastWords(std::function<void()> say, Then then = Then::ends);
  ~LastWords();  // signals do what they did before
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;

 private:
  void wait();
  unsigned char next() const;  // 0: there will be none

  std::function<void()> say_;
  Then then_;
  int read_ = -1;
  std::thread thread_;  // last: it uses the others
};

/// Of other ranks' last words: mpirun ends the whole job as soon as one rank is gone, and rank 0 with it before it has
/// said what is there.
void let_rank_zero_speak();

}  // namespace gemring

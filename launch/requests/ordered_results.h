// Results on standard output in the order of their requests, in whatever order they come.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>

namespace gemring {

class OrderedResults {
 public:
  /// `write` gets each line as soon as all before it were written.
  explicit OrderedResults(std::function<void(const std::string&)> write) : write_(std::move(write)) {}

  /// The line of the `index`-th request, with its end; each index once, from 0 on.
  void put(std::size_t index, std::string line) {
    waiting_.emplace(index, std::move(line));
    while (!waiting_.empty() && waiting_.begin()->first == next_) {
      write_(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      ++next_;
    }
  }

  std::size_t written() const { return next_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::function<void(const std::string&)> write_;
  std::map<std::size_t, std::string> waiting_;
  std::size_t next_ = 0;
};

}  // namespace gemring

// Files in memory for readers that take a path: they are written thousands of times a second, so never to a disk.
#pragma once

#include <array>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"

namespace gemring::fuzz {

/// A directory of the process's own, removed at its ordinary end. Its files are links to memory (memfd_create).
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view name) const;

  /// The file has this content from now on, whatever it had before.
  void put(std::string_view name, std::string_view content);

  /// There is no such file from now on.
  void remove(std::string_view name);

  void put_or_remove(std::string_view name, std::string_view content) {
    if (content.empty()) return remove(name);
    put(name, content);
  }

 private:
  struct File {
    std::string name;
    int descriptor = -1;
    bool is_linked = false;
  };
  File& file(std::string_view name);

  std::string path_;
  std::vector<File> files_;
};

/// `bytes` cut at the first two lines of three dashes; parts that are not there are empty.
std::array<std::string_view, 3> parts_of(std::string_view bytes);

/// Several things that are tried with one file, each whatever became of the others.
class Attempts {
 public:
  template <class Action>
  void operator()(Action&& action) {
    try {
      action();
    } catch (const Error&) {
      if (!first_) first_ = std::current_exception();
    }
  }

  /// Throws the first Error that there was.
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::exception_ptr first_;
};

}  // namespace gemring::fuzz

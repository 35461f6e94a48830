// Indexes of a service's texts on disk: they outlive it, and are asked on any number of ranks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/mutex.h"
#include "launch/index/index_file.h"

namespace gemring {

/// DIRECTORY/ID.index for each text. Any thread may call any of it. What cannot be read or written costs a warning that
/// names the file: the text is then read again by the model.
class IndexDirectory {
 public:
  struct Setting {
    std::string path;
    IndexKey key;
    ReadingLayout layout;
    std::uint64_t most_bytes = 0;  // of all files together; the one that was used longest ago goes first
  };
  /// Makes the directory where there is none. Throws UsageError where it cannot be written.
  explicit IndexDirectory(Setting setting);

  struct KeptText {
    std::string id;
    std::string text;
    std::int32_t tokens = 0;  // of its whole chunks
  };
  /// What is there, the oldest first, every byte of it looked at. Once, before all others. Files of another model,
  /// filter or way of computing stay where they are and are not used.
  std::vector<KeptText> open();

  /// Where the reading of a text goes; nullptr: it is there already.
  std::shared_ptr<ReadingSink> sink(const std::string& id, IndexedText text) GEMRING_EXCLUDES(mutex_);
  /// What was read of it; nullptr: nothing.
  std::shared_ptr<ReadingSource> find(const std::string& id) GEMRING_EXCLUDES(mutex_);
  void remove(const std::string& id) GEMRING_EXCLUDES(mutex_);

 private:
  class Sink;
  struct Entry {
    std::uint64_t bytes = 0;
    std::uint64_t used = 0;                     // the larger the later
    std::shared_ptr<IndexFile> file = nullptr;  // once it was asked for
  };
  std::string path_of(const std::string& id) const;
  std::shared_ptr<IndexFile> open_file(const std::string& id) const;
  void commit(const std::string& id, IndexWriter& writer) GEMRING_EXCLUDES(mutex_);
  void make_room(std::uint64_t bytes) GEMRING_REQUIRES(mutex_);
  void remove_file(const std::string& id) const;

  Setting setting_;
  Mutex mutex_;
  std::map<std::string, Entry> entries_ GEMRING_GUARDED_BY(mutex_);
  std::uint64_t bytes_ GEMRING_GUARDED_BY(mutex_) = 0;
  std::uint64_t uses_ GEMRING_GUARDED_BY(mutex_) = 0;
};

}  // namespace gemring

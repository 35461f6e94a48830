// Texts that clients gave a service to keep, by name: what is asked of one need not be sent with it again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/mutex.h"

namespace gemring {

struct StoredText {
  std::string id;
  std::shared_ptr<const std::string> text;
  std::int32_t tokens = 0;   // of a prompt with it
  std::int64_t created = 0;  // seconds since 1970
};

/// Any thread may call any of it.
class TextStore {
 public:
  explicit TextStore(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// "text-" and 16 hexadecimal digits, the same for the same text.
  static std::string id_of(std::string_view text);

  /// False where there is no room: nothing goes for it, for somebody counts on what is here.
  bool put(StoredText text) GEMRING_EXCLUDES(mutex_);
  bool has_room_for(std::size_t bytes) const GEMRING_EXCLUDES(mutex_);
  std::optional<StoredText> find(const std::string& id) const GEMRING_EXCLUDES(mutex_);
  std::vector<StoredText> all() const GEMRING_EXCLUDES(mutex_);
  bool remove(const std::string& id) GEMRING_EXCLUDES(mutex_);

 private:
  std::size_t most_bytes_;
  mutable Mutex mutex_;
  std::map<std::string, StoredText> texts_ GEMRING_GUARDED_BY(mutex_);
  std::size_t bytes_ GEMRING_GUARDED_BY(mutex_) = 0;
};

}  // namespace gemring

#include "launch/serve/text_store.h"

#include <fmt/format.h>

#include <utility>

#include "engine/base/hash.h"

namespace gemring {

std::string TextStore::id_of(std::string_view text) {
  return fmt::format("text-{:016x}", fnv1a(text.size(), fnv1a(text)));
}

bool TextStore::put(StoredText text) {
  const MutexLock held(mutex_);
  if (texts_.contains(text.id)) return true;
  if (bytes_ + text.text->size() > most_bytes_) return false;
  bytes_ += text.text->size();
  std::string id = text.id;
  texts_.emplace(std::move(id), std::move(text));
  return true;
}

bool TextStore::has_room_for(std::size_t bytes) const {
  const MutexLock held(mutex_);
  return bytes_ + bytes <= most_bytes_;
}

std::optional<StoredText> TextStore::find(const std::string& id) const {
  const MutexLock held(mutex_);
  const auto found = texts_.find(id);
  if (found == texts_.end()) return std::nullopt;
  return found->second;
}

std::vector<StoredText> TextStore::all() const {
  const MutexLock held(mutex_);
  std::vector<StoredText> all;
  for (const auto& [id, text] : texts_) all.push_back(text);
  return all;
}

bool TextStore::remove(const std::string& id) {
  const MutexLock held(mutex_);
  const auto found = texts_.find(id);
  if (found == texts_.end()) return false;
  bytes_ -= found->second.text->size();
  texts_.erase(found);
  return true;
}

}  // namespace gemring

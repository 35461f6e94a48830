#include "launch/index/index_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/log.h"

namespace gemring {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".index";

}  // namespace

/// Commits when all is there.
class IndexDirectory::Sink final : public ReadingSink {
 public:
  Sink(IndexDirectory& directory, std::string id, IndexedText text)
      : directory_(directory),
        id_(std::move(id)),
        writer_(directory.path_of(id_), directory.setting_.key, std::move(text), directory.setting_.layout) {}

  void begin(const ReadText& text) override { writer_.begin(text); }
  void write(std::span<const std::byte> bytes) override { writer_.write(bytes); }
  void end() override {
    writer_.end();
    directory_.commit(id_, writer_);
  }

 private:
  IndexDirectory& directory_;
  std::string id_;
  IndexWriter writer_;
};

IndexDirectory::IndexDirectory(Setting setting) : setting_(std::move(setting)) {
  std::error_code error;
  fs::create_directories(setting_.path, error);
  if (error) {
    throw UsageError({"--index-dir", fmt::format("{} cannot be made: {}", setting_.path, error.message()),
                      "name a directory that can be written"});
  }
  require_writable(path_of("text"), "--index-dir");
}

std::string IndexDirectory::path_of(const std::string& id) const {
  return (fs::path(setting_.path) / (id + kExtension)).string();
}

std::shared_ptr<IndexFile> IndexDirectory::open_file(const std::string& id) const {
  try {
    auto file = std::make_shared<IndexFile>(path_of(id));
    check_index(file->head(), setting_.key, setting_.layout, file->path());
    return file;
  } catch (const Error& error) {
    log_warn("{}; it is not used", error.what());
    return nullptr;
  }
}

std::vector<IndexDirectory::KeptText> IndexDirectory::open() {
  std::vector<std::pair<fs::file_time_type, std::string>> found;
  std::error_code error;
  for (const auto& each : fs::directory_iterator(setting_.path, error)) {
    if (each.path().extension() != kExtension) continue;
    found.emplace_back(each.last_write_time(error), each.path().stem().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<KeptText> texts;
  const MutexLock held(mutex_);
  for (const auto& [time, id] : found) {
    const std::shared_ptr<IndexFile> file = open_file(id);
    if (!file) continue;
    texts.push_back({id, file->head().text.text, static_cast<std::int32_t>(file->head().read.ids.size())});
    entries_.emplace(id, Entry{file->bytes(), ++uses_, file});
    bytes_ += file->bytes();
  }
  log_info("{} texts in {} were read before", texts.size(), setting_.path);
  return texts;
}

std::shared_ptr<ReadingSink> IndexDirectory::sink(const std::string& id, IndexedText text) {
  const MutexLock held(mutex_);
  if (entries_.contains(id)) return nullptr;
  return std::make_shared<Sink>(*this, id, std::move(text));
}

std::shared_ptr<ReadingSource> IndexDirectory::find(const std::string& id) {
  const MutexLock held(mutex_);
  const auto place = entries_.find(id);
  if (place == entries_.end()) return nullptr;
  Entry& entry = place->second;
  if (!entry.file) entry.file = open_file(id);
  if (!entry.file) {
    bytes_ -= entry.bytes;
    entries_.erase(place);
    return nullptr;
  }
  entry.used = ++uses_;
  return entry.file;
}

void IndexDirectory::remove_file(const std::string& id) const {
  std::error_code error;
  fs::remove(path_of(id), error);
  if (error) log_warn("{} cannot be removed: {}", path_of(id), error.message());
}

void IndexDirectory::remove(const std::string& id) {
  const MutexLock held(mutex_);
  const auto place = entries_.find(id);
  if (place == entries_.end()) return;
  bytes_ -= place->second.bytes;
  entries_.erase(place);
  remove_file(id);
}

void IndexDirectory::make_room(std::uint64_t bytes) {
  while (!entries_.empty() && bytes_ + bytes > setting_.most_bytes) {
    const auto oldest = std::min_element(entries_.begin(), entries_.end(),
                                         [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    log_info("{} goes from the disk for others (--index-disk)", path_of(oldest->first));
    bytes_ -= oldest->second.bytes;
    remove_file(oldest->first);
    entries_.erase(oldest);
  }
}

void IndexDirectory::commit(const std::string& id, IndexWriter& writer) {
  const MutexLock held(mutex_);
  if (writer.bytes() > setting_.most_bytes) {
    writer.discard();
    return log_warn("{} has {} bytes, more than --index-disk: it is not kept on disk", id, grouped(writer.bytes()));
  }
  make_room(writer.bytes());
  try {
    writer.commit();
  } catch (const Error& error) {
    return log_warn("{} is not kept on disk: {}", id, error.what());
  }
  const auto [place, is_new] = entries_.emplace(id, Entry{writer.bytes(), ++uses_});
  if (is_new) bytes_ += writer.bytes();
}

}  // namespace gemring

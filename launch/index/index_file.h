// Index files: a text that a windowed filter pass has read, for later runs on any number of ranks.
//
//     "gemring index 1\n"   head's size (8 bytes)   head (index.proto)   its checksum
//     record   checksum     record   checksum ...
//
// Records are those of distributed/session/stored_reading.h. Numbers are little-endian, checksums FNV-1a of 64 bits:
// against accidents, not against attackers.
#pragma once

#include <optional>
#include <string>

#include "engine/base/output_file.h"
#include "engine/weights/file.h"
#include "launch/index/index_head.h"

namespace gemring {

/// Takes a reading into a file, which is there whole or not at all.
class IndexWriter final : public ReadingSink {
 public:
  /// Nothing is written before begin().
  IndexWriter(std::string path, IndexKey key, IndexedText text, const ReadingLayout& layout);

  void begin(const ReadText& text) override;
  void write(std::span<const std::byte> bytes) override;
  void end() override { complete_ = true; }

  /// Whether a reading came, all of it. Behind the run, as what follows.
  bool complete() const { return complete_; }
  /// Nothing is left of it.
  void discard() { file_.reset(); }
  std::size_t tokens() const { return head_.read.ids.size(); }
  std::uint64_t bytes() const { return bytes_; }  // of the file
  /// Gives the file its name. Throws what went wrong: UsageError (it cannot be written), ResourceError (the disk is
  /// full). Requires: complete().
  void commit();

 private:
  void put(std::string_view bytes);

  std::string path_;
  std::optional<OutputFile> file_;  // from begin() on, so that an interrupt before leaves nothing
  IndexHead head_;
  std::uint64_t bytes_ = 0;
  bool complete_ = false;
};

/// An index file, of which every byte was looked at.
class IndexFile final : public ReadingSource {
 public:
  /// Throws ModelFileError: no index, cut short, damaged.
  explicit IndexFile(std::string path);

  const IndexHead& head() const { return head_; }
  const std::string& path() const { return file_.path(); }
  std::uint64_t bytes() const { return file_.size(); }

  const ReadText& text() const override { return head_.read; }
  void rewind() override { at_ = first_record_; }
  void read(std::span<std::byte> bytes) override;

 private:
  void read_head();
  void check_records();

  InputFile file_;
  IndexHead head_;
  std::uint64_t first_record_ = 0, at_ = 0;
};

}  // namespace gemring

#include "launch/index/index_file.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/format.h"
#include "engine/base/hash.h"

namespace gemring {
namespace {

constexpr std::string_view kMagic = "gemring index 1\n";
constexpr std::uint64_t kNumber = sizeof(std::uint64_t);
constexpr std::uint64_t kMostHead = std::uint64_t{1} << 31;

std::string_view view_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // NOLINT(*-reinterpret-cast)
}

std::string number_bytes(std::uint64_t number) {
  std::string bytes(kNumber, '\0');
  std::memcpy(bytes.data(), &number, kNumber);
  return bytes;
}

std::uint64_t number_at(const InputFile& file, std::uint64_t offset) {
  std::uint64_t number = 0;
  file.read_at(offset, std::as_writable_bytes(std::span(&number, 1)));
  return number;
}

}  // namespace

IndexWriter::IndexWriter(std::string path, IndexKey key, IndexedText text, const ReadingLayout& layout)
    : path_(std::move(path)) {
  head_.key = std::move(key);
  head_.text = std::move(text);
  head_.chunk = static_cast<std::uint64_t>(layout.sizes.chunk);
  head_.key_bytes = layout.key_bytes();
  head_.halo_bytes = layout.halo_bytes();
}

void IndexWriter::put(std::string_view bytes) {
  file_->write(bytes);
  bytes_ += bytes.size();
}

void IndexWriter::begin(const ReadText& text) {
  head_.read = text;
  file_.emplace(path_);
  const std::string head = head_bytes(head_);
  put(kMagic);
  put(number_bytes(head.size()));
  put(head);
  put(number_bytes(fnv1a(head)));
}

void IndexWriter::write(std::span<const std::byte> bytes) {
  put(view_of(bytes));
  put(number_bytes(fnv1a(view_of(bytes))));
}

void IndexWriter::commit() {
  GEMRING_CHECK(complete_, "an index of {} bytes is not complete", bytes_);
  file_->commit();
}

IndexFile::IndexFile(std::string path) : file_(std::move(path)) {
  read_head();
  check_records();
}

void IndexFile::read_head() {
  std::string magic(kMagic.size(), '\0');
  if (file_.size() < kMagic.size() + kNumber) refuse_index(path(), "is no index of gemring");
  file_.read_at(0, std::as_writable_bytes(std::span(magic)));
  if (magic != kMagic) refuse_index(path(), "is no index of gemring, or one of another version");
  const std::uint64_t begin = kMagic.size() + kNumber;
  const std::uint64_t size = number_at(file_, kMagic.size());
  if (size > kMostHead || size + kNumber > file_.size() - begin)
    refuse_index(path(), fmt::format("is cut short: its head has {} bytes, the file {}", size, file_.size()));
  std::string bytes(size, '\0');
  file_.read_at(begin, std::as_writable_bytes(std::span(bytes)));
  if (number_at(file_, begin + size) != fnv1a(bytes)) refuse_index(path(), "is damaged: its head has another checksum");
  head_ = parse_index_head(bytes, path());
  first_record_ = begin + size + kNumber;
  const std::uint64_t wanted = first_record_ + head_.record_bytes();
  if (file_.size() != wanted) {
    refuse_index(path(), fmt::format("is {}: {} bytes, and its head tells of {}",
                                     file_.size() < wanted ? "cut short" : "too long", file_.size(), wanted));
  }
}

void IndexFile::check_records() {
  rewind();
  std::vector<std::byte> record;
  for (std::int32_t chunk = 1; chunk <= head_.chunks(); ++chunk) {
    record.resize(head_.key_bytes);
    read(record);
    if (!keeps_halos(chunk, head_.chunks())) continue;
    record.resize(head_.halo_bytes);
    read(record);
  }
}

void IndexFile::read(std::span<std::byte> bytes) {
  file_.read_at(at_, bytes);
  if (number_at(file_, at_ + bytes.size()) != fnv1a(view_of(bytes)))
    refuse_index(path(), fmt::format("is damaged: the record at byte {} has another checksum", at_));
  at_ += bytes.size() + kNumber;
}

}  // namespace gemring

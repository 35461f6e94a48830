// Reads the beginning of a GGUF file value by value; the file's end is a refusal that says what was being read.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "engine/weights/file.h"

namespace gemring {

class GgufReader {
 public:
  explicit GgufReader(std::shared_ptr<const InputFile> file) : file_(std::move(file)) {}

  /// What is read next, for messages: "key 3", "the shape of tensor a".
  void set_place(const char* kind, std::uint64_t index) {
    kind_ = kind;
    index_ = index;
  }

  std::size_t position() const { return position_; }
  std::uint64_t bytes_left() const { return file_->size() - position_; }
  const std::string& bytes() const { return bytes_; }
  std::string take_bytes();  // those read so far and no more; the reader is done

  template <class T>
  T number() {
    require(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof value);
    position_ += sizeof value;
    return value;
  }

  /// Length and bytes of a string; the view lives until the next read. Refused where it is longer than `most`.
  std::string_view string(std::uint64_t most);

  void skip(std::uint64_t bytes) {
    require(bytes);
    position_ += bytes;
  }

  /// Refuses `count` things of at least `least_bytes` each where the file has not that many bytes left.
  void require_room(std::uint64_t count, std::uint64_t least_bytes, const char* things) const;

  [[noreturn]] void refuse(std::string problem) const;
  std::string place() const;

 private:
  void require(std::uint64_t bytes) {
    if (bytes > bytes_.size() - position_) read_on(bytes);
  }
  void read_on(std::uint64_t bytes);

  std::shared_ptr<const InputFile> file_;
  std::string bytes_;  // the file's first ones, read in growing pieces
  std::size_t position_ = 0;
  const char* kind_ = "the header";
  std::uint64_t index_ = 0;
};

}  // namespace gemring

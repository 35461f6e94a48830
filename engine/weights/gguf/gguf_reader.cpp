#include "engine/weights/gguf/gguf_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"

namespace gemring {
namespace {

constexpr std::uint64_t kFirstPiece = 1u << 20;
constexpr std::uint64_t kMostBytes = 512u
                                     << 20;  // published headers have 20 MB at most: 262,144 tokens and their merges
constexpr const char* kDamaged = "the file is damaged or no GGUF file; download it again";

}  // namespace

std::string GgufReader::take_bytes() {
  bytes_.resize(position_);
  bytes_.shrink_to_fit();
  return std::move(bytes_);
}

std::string_view GgufReader::string(std::uint64_t most) {
  const auto length = number<std::uint64_t>();
  if (length > bytes_left()) {
    refuse(fmt::format("announces a string of {} bytes in {}, the file has {} left", grouped(length), place(),
                       grouped(bytes_left())));
  }
  if (length > most) {
    refuse(fmt::format("has a string of {} bytes in {}; at most {} are accepted", grouped(length), place(),
                       grouped(most)));
  }
  const std::size_t begin = position_;
  skip(length);
  return std::string_view(bytes_).substr(begin, length);
}

void GgufReader::require_room(std::uint64_t count, std::uint64_t least_bytes, const char* things) const {
  if (count <= bytes_left() / least_bytes) return;
  refuse(fmt::format("announces {} {} in {}, the file has {} bytes left", grouped(count), things, place(),
                     grouped(bytes_left())));
}

void GgufReader::refuse(std::string problem) const {
  throw ModelFileError({file_->path(), std::move(problem), kDamaged});
}

std::string GgufReader::place() const {
  return index_ == 0 ? kind_ : fmt::format("{} {}", kind_, index_);
}

void GgufReader::read_on(std::uint64_t bytes) {
  if (bytes > bytes_left()) {
    throw ModelFileError(
        {file_->path(), fmt::format("ends at byte {}, within {}", grouped(file_->size()), place()), kCutShort});
  }
  const std::uint64_t end = position_ + bytes;
  if (end > kMostBytes) refuse(fmt::format("has a header of more than {} bytes", grouped(kMostBytes)));
  const std::uint64_t begin = bytes_.size();
  const std::uint64_t wanted = std::min({std::max({end, 2 * begin, kFirstPiece}), kMostBytes, file_->size()});
  bytes_.resize(wanted);
  file_->read_at(begin, std::as_writable_bytes(std::span(bytes_).subspan(begin)));
}

}  // namespace gemring

#include "engine/weights/gguf/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <span>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/hash.h"
#include "engine/weights/file.h"
#include "engine/weights/finite.h"
#include "engine/weights/gguf/gguf_header.h"
#include "engine/weights/gguf/gguf_types.h"
#include "engine/weights/mapping.h"
#include "engine/weights/sample.h"

namespace gemring {
namespace {

constexpr std::string_view kEnding = ".gguf";
constexpr std::uint64_t kPadding = 32;  // behind the last tensor of a part: the alignment of all published files
constexpr const char* kMixed = "the parts belong to different downloads; download them again";

bool ends_in_gguf(std::string_view path) {
  return path.size() >= kEnding.size() && path.substr(path.size() - kEnding.size()) == kEnding;
}

/// NAME-00002-of-00003.gguf: what llama.cpp's gguf-split calls its parts.
std::string part_path(const std::string& name, std::uint64_t number, std::uint64_t count) {
  return fmt::format("{}-{:05}-of-{:05}{}", name, number + 1, count, kEnding);
}

/// Which part of how many a header says it is; {0, 1} for a model in one file.
struct Part {
  std::uint64_t number = 0;
  std::uint64_t count = 1;
};

Part part_of(const GgufMetadata& metadata) {
  Part part;
  part.count = metadata.count("split.count").value_or(1);
  if (part.count <= 1) return {};
  part.number = metadata.count("split.no").value_or(part.count);
  if (part.number < part.count) return part;
  throw ModelFileError(
      {metadata.file(), fmt::format("says it is one of {} parts, and not which one", grouped(part.count)), kMixed});
}

/// Parts of a split model that somebody joined with cat: behind the data of the first there is the magic of the next.
void refuse_joined_parts(const std::string& path, const Part& part) {
  const GgufHeader header = read_gguf_header(path, GgufPart::pairs_and_tensors);
  std::uint64_t end = 0;
  for (const GgufTensor& tensor : header.tensors) end = std::max(end, tensor.offset + tensor.bytes);
  for (const std::uint64_t at : {end, (end + kPadding - 1) / kPadding * kPadding}) {
    std::array<char, kGgufMagic.size()> magic = {};
    if (end == 0 || at + magic.size() > header.file->size()) continue;
    header.file->read_at(at, std::as_writable_bytes(std::span(magic)));
    if (std::string_view(magic.data(), magic.size()) != kGgufMagic) continue;
    throw ModelFileError(
        {path, fmt::format("holds the {} parts of a split model one behind the other, as cat joins them", part.count),
         fmt::format("keep the parts as they come, NAME{} and so on in one directory, and give the first; or join them "
                     "with llama-gguf-split --merge",
                     part_path("", 0, part.count))});
  }
}

/// NAME of a part's path. The other parts are found by their names, so this one has to have its own.
std::string split_name(const std::string& path, const Part& part) {
  const std::string ending = part_path("", part.number, part.count);
  if (path.size() >= ending.size() && path.compare(path.size() - ending.size(), ending.size(), ending) == 0)
    return path.substr(0, path.size() - ending.size());
  refuse_joined_parts(path, part);
  throw ModelFileError({path,
                        fmt::format("is part {} of {} of a model by what it says, and not by its name",
                                    grouped(part.number + 1), grouped(part.count)),
                        fmt::format("call the parts NAME{} and so on, all in one directory", ending)});
}

GgufHeader read_part(const std::string& name, std::uint64_t number, std::uint64_t count, GgufPart what) {
  const std::string path = part_path(name, number, count);
  if (!file_exists(path)) {
    if (const std::string first = part_path(name, 0, count); number > 0 && file_exists(first)) {
      refuse_joined_parts(first, {0, count});
    }
    throw ModelFileError({path, fmt::format("is missing; the model has {} parts", grouped(count)),
                          "download it into the directory of the others"});
  }
  return read_gguf_header(path, what);
}

void check_part(const GgufMetadata& metadata, std::uint64_t number, std::uint64_t count) {
  const Part part = part_of(metadata);
  if (part.number == number && part.count == count) return;
  throw ModelFileError({metadata.file(),
                        fmt::format("says it is part {} of {}, its name says {} of {}", grouped(part.number + 1),
                                    grouped(part.count), grouped(number + 1), grouped(count)),
                        kMixed});
}

class GgufTensors final : public TensorSource {
 public:
  explicit GgufTensors(const std::string& path) : path_(path) {
    auto header = std::make_shared<GgufHeader>(read_gguf_header(path, GgufPart::pairs_and_tensors));
    const Part part = part_of(GgufMetadata(header));
    if (part.count == 1)
      add_file(*header);
    else
      add_parts(split_name(path, part), part.count);
    std::sort(tensors_.begin(), tensors_.end(),
              [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
  }

  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  std::unique_ptr<TensorData> load(const TensorInfo& info) const override {
    const auto place = places_.find(info.name);
    GEMRING_CHECK(place != places_.end(), "no tensor {} in {}", info.name, path_);
    refuse_uncomputable(info.name);
    const Place& stored = place->second;
    auto data = map_tensor(stored.file, info.name, stored.offset, stored.bytes, alignment(info));
    refuse_not_finite(info, data->bytes(), stored.file->path());
    return data;
  }

  std::unique_ptr<TensorData> load_rows(const TensorInfo& info, std::size_t first, std::size_t count) const override {
    const auto place = places_.find(info.name);
    GEMRING_CHECK(place != places_.end(), "no tensor {} in {}", info.name, path_);
    const std::uint64_t row = bytes_of_row(info);
    return map_tensor(place->second.file, info.name, place->second.offset + first * row, count * row, alignment(info));
  }

  std::string location(std::string_view name) const override {
    const auto place = places_.find(name);
    return place == places_.end() ? path_ : place->second.file->path();
  }

  std::uint64_t fingerprint() const override { return fingerprint_; }

 protected:
  void refuse_uncomputable(std::string_view name) const override {
    const auto place = places_.find(name);
    if (place == places_.end()) return;
    const auto type = gguf_type(place->second.type);
    if (type && type->stored) return;
    throw ModelFileError(
        {place->second.file->path(),
         fmt::format("tensor {} has type {}; gemring computes with {}", name,
                     type ? std::string(type->name) : fmt::format("{}, which is unknown", place->second.type),
                     computable_gguf_types()),
         "use a file of one of these types, Q4_K_M or Q8_0 for instance"});
  }

 private:
  struct Place {
    std::shared_ptr<const InputFile> file;
    std::uint32_t type = 0;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  static std::size_t alignment(const TensorInfo& info) {
    return is_block_type(info.type) ? 1 : bytes_per_element(info.type);
  }

  void add_parts(const std::string& name, std::uint64_t count) {
    std::optional<std::uint64_t> expected;  // tensors in all parts
    for (std::uint64_t number = 0; number < count; ++number) {
      auto header = std::make_shared<GgufHeader>(read_part(name, number, count, GgufPart::pairs_and_tensors));
      const GgufMetadata metadata(header);
      check_part(metadata, number, count);
      const auto all = metadata.count("split.tensors.count");
      if (number == 0) expected = all;
      if (all != expected) {
        throw ModelFileError({metadata.file(), "says another number of tensors than the first part", kMixed});
      }
      add_file(*header);
    }
    if (!expected || *expected == places_.size()) return;
    throw ModelFileError(
        {part_path(name, 0, count),
         fmt::format("says that the parts have {} tensors; they have {}", grouped(*expected), grouped(places_.size())),
         kMixed});
  }

  void add_file(const GgufHeader& header) {
    fingerprint_ = fnv1a(header.file->size(), fnv1a(header.bytes, fingerprint_));
    for (const GgufTensor& stored : header.tensors) {
      const auto [place, is_new] =
          places_.emplace(stored.name, Place{header.file, stored.type, stored.offset, stored.bytes});
      if (!is_new) {
        throw ModelFileError({header.file->path(),
                              fmt::format("tensor {} is in {} too", stored.name, place->second.file->path()), kMixed});
      }
      const auto type = gguf_type(stored.type);
      if (type && type->stored) tensors_.push_back({stored.name, *type->stored, stored.shape, stored.bytes});
      fingerprint_ = add_sample(*header.file, stored.offset, stored.bytes, fingerprint_);
    }
  }

  std::string path_;
  std::map<std::string, Place, std::less<>> places_;  // every stored tensor
  std::vector<TensorInfo> tensors_;
  std::uint64_t fingerprint_ = kFnvStart;
};

}  // namespace

bool is_gguf_path(const std::string& path) {
  std::error_code error;  // what cannot be looked at is refused when it is opened
  if (ends_in_gguf(path)) return !std::filesystem::is_directory(path, error);
  if (!std::filesystem::is_regular_file(path, error)) return false;
  const InputFile file(path);
  std::array<char, kGgufMagic.size()> magic = {};
  if (file.size() < magic.size()) return false;
  file.read_at(0, std::as_writable_bytes(std::span(magic)));
  return std::string_view(magic.data(), magic.size()) == kGgufMagic;
}

GgufMetadata read_gguf_metadata(const std::string& path) {
  GgufMetadata metadata(std::make_shared<GgufHeader>(read_gguf_header(path, GgufPart::pairs)));
  const Part part = part_of(metadata);
  if (part.number == 0) return metadata;
  const std::string name = split_name(path, part);
  GgufMetadata first(std::make_shared<GgufHeader>(read_part(name, 0, part.count, GgufPart::pairs)));
  check_part(first, 0, part.count);
  return first;
}

std::unique_ptr<TensorSource> open_gguf(const std::string& path) {
  return std::make_unique<GgufTensors>(path);
}

}  // namespace gemring

#include "engine/weights/gguf/gguf_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/weights/gguf/gguf_reader.h"
#include "engine/weights/gguf/gguf_types.h"

namespace gemring {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian and weights are used in place");

// Bounds of the format (docs/gguf.md), and of ours against broken or hostile files, far above every published file.
constexpr std::uint64_t kMostKeyBytes = 65535;
constexpr std::uint64_t kMostNameBytes = 64;
constexpr std::uint32_t kMostDimensions = 4;
constexpr std::uint64_t kMostPairs = 100'000;
constexpr std::uint64_t kMostTensors = 100'000;
constexpr std::uint64_t kMostAlignment = 1u << 20;  // src/gguf.cpp, GGUF_MAX_ALIGNMENT
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::uint64_t kLeastPairBytes = 8 + 1 + 4 + 1;        // length, key, type, value
constexpr std::uint64_t kLeastTensorBytes = 8 + 1 + 4 + 4 + 8;  // length, name, dimensions, type, offset
constexpr std::uint64_t kAnyLength = std::numeric_limits<std::uint64_t>::max();
constexpr std::string_view kAlignmentKey = "general.alignment";

class HeaderParser {
 public:
  explicit HeaderParser(const std::string& path) : file_(std::make_shared<const InputFile>(path)), reader_(file_) {}

  GgufHeader parse(GgufPart part) {
    GgufHeader header;
    header.file = file_;
    read_opening();
    for (std::uint64_t i = 0; i < pair_count_; ++i) header.pairs.push_back(read_pair(i));
    sort_pairs(header.pairs);
    if (part == GgufPart::pairs_and_tensors) {
      read_alignment(header.pairs);
      for (std::uint64_t i = 0; i < tensor_count_; ++i) header.tensors.push_back(read_tensor(i));
      place_tensors(header.tensors);
    }
    header.bytes = reader_.take_bytes();
    return header;
  }

 private:
  void read_opening() {
    refuse_git_lfs_pointer(*file_);
    reader_.set_place("the magic", 0);
    const auto magic = reader_.number<std::uint32_t>();
    if (std::memcmp(&magic, kGgufMagic.data(), sizeof magic) != 0) reader_.refuse("does not begin with \"GGUF\"");
    reader_.set_place("the version", 0);
    check_version(reader_.number<std::uint32_t>());
    reader_.set_place("the counts of tensors and keys", 0);
    tensor_count_ = reader_.number<std::uint64_t>();
    pair_count_ = reader_.number<std::uint64_t>();
    reader_.set_place("the header", 0);
    reader_.require_room(tensor_count_, kLeastTensorBytes, "tensors");
    reader_.require_room(pair_count_, kLeastPairBytes, "keys");
    if (tensor_count_ > kMostTensors) reader_.refuse(fmt::format("holds more than {} tensors", grouped(kMostTensors)));
    if (pair_count_ > kMostPairs) reader_.refuse(fmt::format("holds more than {} keys", grouped(kMostPairs)));
  }

  void check_version(std::uint32_t version) const {
    if (version == 2 || version == 3) return;  // 3 added only that files may be big-endian
    if ((version & 0xffffu) == 0 && version != 0) {
      throw ModelFileError({file_->path(), fmt::format("is big-endian: its version reads as {:#x}", version),
                            "use the little-endian file, or convert it (gguf_convert_endian.py of llama.cpp)"});
    }
    throw ModelFileError({file_->path(), fmt::format("is of GGUF version {}; gemring reads versions 2 and 3", version),
                          version == 1 ? "it counts in 32 bits; download a newer file, or convert the model again"
                                       : "download another file of the model, or convert the model again"});
  }

  GgufPair read_pair(std::uint64_t index) {
    GgufPair pair;
    reader_.set_place("key", index + 1);
    const std::string_view key = reader_.string(kMostKeyBytes);
    if (key.empty()) reader_.refuse(fmt::format("has no name for key {}", index + 1));
    if (has_control_character(key)) reader_.refuse(fmt::format("has a control character in key {}", index + 1));
    pair.key_length = key.size();
    pair.key_begin = reader_.position() - key.size();
    reader_.set_place("the value of key", index + 1);
    pair.type = read_type(pair);
    if (pair.type == GgufValueType::array) {
      pair.is_array = true;
      pair.type = read_type(pair);
      if (pair.type == GgufValueType::array)
        reader_.refuse(fmt::format("has arrays within the array {}", key_of(pair)));
      pair.count = reader_.number<std::uint64_t>();
      reader_.require_room(pair.count, std::max<std::size_t>(value_bytes(pair.type), 1), "values");
    }
    pair.value_begin = reader_.position();
    if (pair.type == GgufValueType::string) {
      reader_.require_room(pair.count, sizeof(std::uint64_t), "strings");
      for (std::uint64_t i = 0; i < pair.count; ++i) reader_.string(kAnyLength);
    } else {
      reader_.skip(pair.count * value_bytes(pair.type));
    }
    return pair;
  }

  GgufValueType read_type(const GgufPair& pair) {
    const auto type = reader_.number<std::uint32_t>();
    if (type > static_cast<std::uint32_t>(GgufValueType::f64))
      reader_.refuse(fmt::format("has a value of the unknown type {} under {}", type, key_of(pair)));
    return static_cast<GgufValueType>(type);
  }

  std::string_view key_of(const GgufPair& pair) const {
    return std::string_view(reader_.bytes()).substr(pair.key_begin, pair.key_length);
  }

  void sort_pairs(std::vector<GgufPair>& pairs) const {
    std::sort(pairs.begin(), pairs.end(), [&](const GgufPair& a, const GgufPair& b) { return key_of(a) < key_of(b); });
    const auto twice = std::adjacent_find(pairs.begin(), pairs.end(),
                                          [&](const GgufPair& a, const GgufPair& b) { return key_of(a) == key_of(b); });
    if (twice != pairs.end()) reader_.refuse(fmt::format("has key {} twice", key_of(*twice)));
  }

  void read_alignment(const std::vector<GgufPair>& pairs) {
    const auto place =
        std::find_if(pairs.begin(), pairs.end(), [&](const GgufPair& pair) { return key_of(pair) == kAlignmentKey; });
    if (place == pairs.end()) return;
    if (place->is_array || place->type != GgufValueType::u32)
      reader_.refuse(fmt::format("has {} as {}, not as u32", kAlignmentKey, name(place->type)));
    std::uint32_t alignment = 0;
    std::memcpy(&alignment, reader_.bytes().data() + place->value_begin, sizeof alignment);
    if (!std::has_single_bit(alignment) || alignment > kMostAlignment) {
      reader_.refuse(fmt::format("has {} {}, which is no power of two up to {}", kAlignmentKey, grouped(alignment),
                                 grouped(kMostAlignment)));
    }
    alignment_ = alignment;
  }

  GgufTensor read_tensor(std::uint64_t index) {
    GgufTensor tensor;
    reader_.set_place("the name of tensor", index + 1);
    tensor.name = reader_.string(kMostNameBytes);
    if (tensor.name.empty()) reader_.refuse(fmt::format("has no name for tensor {}", index + 1));
    if (has_control_character(tensor.name))
      reader_.refuse(fmt::format("has a control character in the name of tensor {}", index + 1));
    if (!names_.insert(tensor.name).second) reader_.refuse(fmt::format("names tensor {} twice", tensor.name));
    reader_.set_place("the description of tensor", index + 1);
    const auto dimensions = reader_.number<std::uint32_t>();
    if (dimensions > kMostDimensions) {
      refuse(tensor, fmt::format("has {} dimensions; the format allows {}", grouped(dimensions), kMostDimensions));
    }
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto extent = reader_.number<std::uint64_t>();
      if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        refuse(tensor, fmt::format("has an extent of {}, which is impossible", grouped(extent)));
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(extent));
    }
    tensor.type = reader_.number<std::uint32_t>();
    tensor.offset = reader_.number<std::uint64_t>();
    tensor.bytes = bytes_of(tensor);
    return tensor;
  }

  std::uint64_t bytes_of(const GgufTensor& tensor) const {
    std::uint64_t elements = 1;
    for (const std::int64_t extent : tensor.shape) {
      if (__builtin_mul_overflow(elements, static_cast<std::uint64_t>(extent), &elements))
        refuse(tensor, "has a shape whose size leaves 64 bits");
    }
    const auto type = gguf_type(tensor.type);
    if (!type) return 0;
    const auto row = tensor.shape.empty() ? 1u : static_cast<std::uint64_t>(tensor.shape.back());
    if (row % type->elements != 0) {
      refuse(tensor,
             fmt::format("has rows of {} elements; {} has blocks of {}", grouped(row), type->name, type->elements));
    }
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(elements / type->elements, type->bytes, &bytes))
      refuse(tensor, "has a shape whose size leaves 64 bits");
    return bytes;
  }

  /// Offsets from the start of the data to offsets from the start of the file.
  void place_tensors(std::vector<GgufTensor>& tensors) const {
    std::sort(tensors.begin(), tensors.end(), [](const GgufTensor& a, const GgufTensor& b) {
      return std::tie(a.offset, a.bytes, a.name) < std::tie(b.offset, b.bytes, b.name);
    });
    const std::uint64_t start = (reader_.position() + alignment_ - 1) / alignment_ * alignment_;
    const GgufTensor* before = nullptr;  // the last one that has bytes; its offset is within the file already
    for (GgufTensor& tensor : tensors) {
      if (tensor.offset % alignment_ != 0) {
        refuse(tensor, fmt::format("begins at byte {} of the data, which is no multiple of the alignment {}",
                                   grouped(tensor.offset), alignment_));
      }
      std::uint64_t end = 0;
      if (__builtin_add_overflow(start, tensor.offset, &tensor.offset) ||
          __builtin_add_overflow(tensor.offset, tensor.bytes, &end)) {
        refuse(tensor, "ends behind all that 64 bits can count");
      }
      if (end > file_->size()) {
        throw ModelFileError({file_->path(),
                              fmt::format("tensor {} ends at byte {}, the file at {}", tensor.name, grouped(end),
                                          grouped(file_->size())),
                              "the file is cut short; download it again"});
      }
      if (before != nullptr && tensor.bytes > 0 && tensor.offset < before->offset + before->bytes) {
        refuse(tensor, fmt::format("begins at byte {}, tensor {} ends at {}: they overlap", grouped(tensor.offset),
                                   before->name, grouped(before->offset + before->bytes)));
      }
      if (tensor.bytes > 0) before = &tensor;
    }
  }

  [[noreturn]] void refuse(const GgufTensor& tensor, const std::string& problem) const {
    reader_.refuse(fmt::format("tensor {} {}", tensor.name, problem));
  }

  std::shared_ptr<const InputFile> file_;
  GgufReader reader_;
  std::uint64_t tensor_count_ = 0;
  std::uint64_t pair_count_ = 0;
  std::uint64_t alignment_ = kDefaultAlignment;
  std::unordered_set<std::string> names_;
};

}  // namespace

std::string_view name(GgufValueType type) {
  static constexpr std::string_view kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<std::uint32_t>(type)];
}

std::size_t value_bytes(GgufValueType type) {
  static constexpr std::size_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kBytes[static_cast<std::uint32_t>(type)];
}

GgufHeader read_gguf_header(const std::string& path, GgufPart part) {
  return HeaderParser(path).parse(part);
}

}  // namespace gemring

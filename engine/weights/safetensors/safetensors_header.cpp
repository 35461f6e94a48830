#include "engine/weights/safetensors/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/format.h"

namespace gemring {
namespace {

using nlohmann::json;

// Bounds against broken or hostile files, far above every published checkpoint (rank 4, names of 100 letters, 100,000
// tensors).
constexpr std::size_t kMaxRank = 8;
constexpr std::size_t kMaxNameBytes = 1024;
constexpr std::size_t kMaxTensors = 1'000'000;

/// Reads {"name": {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, .., "__metadata__": {"k": "v"}} as a
/// stream of events: memory follows what is kept, a key given twice is seen, nothing may be nested deeper.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  HeaderReader(const std::string& path, ParsedHeader& out) : path_(path), out_(out) {}

  bool start_object(std::size_t) override {
    if (place_ == Place::outside) return enter(Place::top);
    if (place_ == Place::top && key_ == "__metadata__") return enter(Place::metadata);
    if (place_ == Place::top) {
      if (out_.entries.size() == kMaxTensors) refuse(fmt::format("holds more than {} tensors", grouped(kMaxTensors)));
      out_.entries.push_back({key_, {}, {}, 0, 0});
      fields_.clear();
      return enter(Place::tensor);
    }
    refuse_value("an object");
  }

  bool end_object() override {
    if (place_ == Place::tensor) finish_tensor();
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::tensor && (key_ == "shape" || key_ == "data_offsets")) {
      numbers_.clear();
      return enter(Place::numbers);
    }
    refuse_value("an array");
  }

  bool end_array() override {
    if (key_ == "data_offsets") {
      if (numbers_.size() != 2) refuse_tensor(fmt::format("data_offsets has {} numbers, not 2", numbers_.size()));
      out_.entries.back().begin = numbers_[0];
      out_.entries.back().end = numbers_[1];
    } else {
      take_shape();
    }
    return enter(Place::tensor);
  }

  bool key(std::string& key) override {
    key_ = key;
    if (place_ == Place::tensor) {
      if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets")
        refuse_tensor(fmt::format("has an unknown field {}", key_));
      if (!fields_.insert(key_).second) refuse_tensor(fmt::format("has {} twice", key_));
      return true;
    }
    if (place_ == Place::top) {
      if (key_.size() > kMaxNameBytes) {
        refuse(fmt::format("holds a tensor name of {} bytes; at most {} are accepted", grouped(key_.size()),
                           grouped(kMaxNameBytes)));
      }
      if (has_control_character(key_)) refuse("holds a tensor name with a control character");
    }
    if (!(place_ == Place::top ? names_ : metadata_names_).insert(key_).second)
      refuse(fmt::format("names {} twice", key_));
    return true;
  }

  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      out_.metadata.emplace(key_, value);
      return true;
    }
    if (place_ != Place::tensor || key_ != "dtype") refuse_value("a string");
    if (safetensors_element_bytes(value) == 0) {
      refuse_tensor(fmt::format("has type {}, which is unknown", value.substr(0, 32)),
                    "use a checkpoint of F32, F16 or BF16 weights");
    }
    out_.entries.back().type = value;
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::numbers) refuse_value("a number");
    if (numbers_.size() == kMaxRank) refuse_tensor(fmt::format("has more than {} numbers in {}", kMaxRank, key_));
    numbers_.push_back(value);
    return true;
  }
  bool number_integer(std::int64_t value) override { refuse_number(fmt::format("{}", value)); }
  bool number_float(double, const std::string& text) override { refuse_number(text); }
  bool null() override { refuse_value("null"); }
  bool boolean(bool) override { refuse_value("true or false"); }
  bool binary(json::binary_t&) override { refuse_value("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const json::exception& error) override {
    refuse(fmt::format("has a header that is not valid JSON at byte {}: {}", 8 + position, error.what()));
  }

 private:
  enum class Place { outside, top, metadata, tensor, numbers };

  bool enter(Place place) {
    place_ = place;
    return true;
  }

  void take_shape() {
    for (const std::uint64_t extent : numbers_) {
      if (extent > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        refuse_tensor(fmt::format("has an extent of {}, which is impossible", grouped(extent)));
      }
      out_.entries.back().shape.push_back(static_cast<std::int64_t>(extent));
    }
  }

  void finish_tensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (fields_.count(field) == 0) refuse_tensor(fmt::format("has no {}", field));
    }
  }

  [[noreturn]] void refuse(std::string problem, std::string advice = kDamagedSafetensors) const {
    throw ModelFileError({path_, std::move(problem), std::move(advice)});
  }
  [[noreturn]] void refuse_tensor(const std::string& problem, std::string advice = kDamagedSafetensors) const {
    refuse(fmt::format("tensor {} {}", out_.entries.back().name, problem), std::move(advice));
  }
  [[noreturn]] void refuse_number(const std::string& text) const {
    if (place_ == Place::numbers) refuse_tensor(fmt::format("has {} in {}, which is no natural number", text, key_));
    refuse_value("a number");
  }
  [[noreturn]] void refuse_value(const char* kind) const {
    if (place_ == Place::outside) refuse(fmt::format("has a header that is {}, no JSON object", kind));
    if (place_ == Place::tensor || place_ == Place::numbers)
      refuse_tensor(fmt::format("has {} where {} stands", kind, key_));
    if (place_ == Place::metadata)
      refuse(fmt::format("has {} in __metadata__ under {}; only strings belong there", kind, key_));
    refuse(fmt::format("has {} where the description of {} should stand", kind, key_));
  }

  const std::string& path_;
  ParsedHeader& out_;
  Place place_ = Place::outside;
  std::string key_;  // the last one read, at whatever level
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> metadata_names_;
  std::unordered_set<std::string> fields_;  // of the tensor that is open
  std::vector<std::uint64_t> numbers_;
};

}  // namespace

std::uint64_t safetensors_element_bytes(std::string_view type) {
  static constexpr std::array<std::pair<std::string_view, std::uint64_t>, 15> kTypes = {{
      {"BOOL", 1},
      {"U8", 1},
      {"I8", 1},
      {"F8_E5M2", 1},
      {"F8_E4M3", 1},
      {"I16", 2},
      {"U16", 2},
      {"F16", 2},
      {"BF16", 2},
      {"I32", 4},
      {"U32", 4},
      {"F32", 4},
      {"F64", 8},
      {"I64", 8},
      {"U64", 8},
  }};
  for (const auto& [known, bytes] : kTypes) {
    if (known == type) return bytes;
  }
  return 0;
}

ParsedHeader parse_safetensors_header(const std::string& path, std::string_view text) {
  // nlohmann skips a byte order mark and takes a zero byte for the end of the text; the format allows neither.
  if (text.empty() || text.front() != '{') {
    throw ModelFileError({path, "has a header that does not begin with '{'", kDamagedSafetensors});
  }
  if (text.find('\0') != std::string_view::npos)
    throw ModelFileError({path, "has a zero byte in its header", kDamagedSafetensors});
  ParsedHeader header;
  HeaderReader reader(path, header);
  json::sax_parse(text.begin(), text.end(), &reader);
  return header;
}

}  // namespace gemring

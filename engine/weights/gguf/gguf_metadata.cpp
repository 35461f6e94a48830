#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/base/error.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/gguf/gguf_header.h"

namespace gemring {
namespace {

[[noreturn]] void refuse(const GgufHeader& header, std::string_view key, const std::string& problem) {
  throw ModelFileError({header.file->path(), fmt::format("{} {}", key, problem), "use another file of this model"});
}

const GgufPair* find(const GgufHeader& header, std::string_view key) {
  const auto place =
      std::lower_bound(header.pairs.begin(), header.pairs.end(), key,
                       [&](const GgufPair& pair, std::string_view wanted) { return header.key(pair) < wanted; });
  return place != header.pairs.end() && header.key(*place) == key ? &*place : nullptr;
}

std::string kind_of(const GgufPair& pair) {
  return pair.is_array ? fmt::format("an array of {}", name(pair.type)) : std::string(name(pair.type));
}

bool is_integer(GgufValueType type) {
  switch (type) {
    case GgufValueType::u8:
    case GgufValueType::i8:
    case GgufValueType::u16:
    case GgufValueType::i16:
    case GgufValueType::u32:
    case GgufValueType::i32:
    case GgufValueType::u64:
    case GgufValueType::i64:
      return true;
    default:
      return false;
  }
}

bool is_real(GgufValueType type) {
  return type == GgufValueType::f32 || type == GgufValueType::f64;
}

/// The value at `at` in whatever width it has, as a To.
template <class To>
To read_as(GgufValueType type, const char* at) {
  const auto read = [at](auto value) {
    std::memcpy(&value, at, sizeof value);
    return static_cast<To>(value);
  };
  switch (type) {
    case GgufValueType::u8:
    case GgufValueType::boolean:
      return read(std::uint8_t{});
    case GgufValueType::i8:
      return read(std::int8_t{});
    case GgufValueType::u16:
      return read(std::uint16_t{});
    case GgufValueType::i16:
      return read(std::int16_t{});
    case GgufValueType::u32:
      return read(std::uint32_t{});
    case GgufValueType::i32:
      return read(std::int32_t{});
    case GgufValueType::u64:
      return read(std::uint64_t{});
    case GgufValueType::i64:
      return read(std::int64_t{});
    case GgufValueType::f32:
      return read(float{});
    case GgufValueType::f64:
      return read(double{});
    case GgufValueType::string:
    case GgufValueType::array:
      break;
  }
  return {};
}

/// Of the integer at `at`; refuses what 63 bits and a sign do not hold.
std::int64_t read_integer(const GgufHeader& header, const GgufPair& pair, const char* at) {
  const auto value = read_as<std::int64_t>(pair.type, at);
  if (pair.type == GgufValueType::u64 && value < 0) {
    refuse(header, header.key(pair), fmt::format("is {}, which is too large", static_cast<std::uint64_t>(value)));
  }
  return value;
}

/// The pair under `key` if it is there, one value and of a type that `fits`; `wanted` is for the message.
template <class Fits>
const GgufPair* find_value(const GgufHeader& header, std::string_view key, Fits fits, const char* wanted) {
  const GgufPair* pair = find(header, key);
  if (pair != nullptr && (pair->is_array || !fits(pair->type)))
    refuse(header, key, fmt::format("is {}, not {}", kind_of(*pair), wanted));
  return pair;
}

template <class Fits>
const GgufPair* find_array(const GgufHeader& header, std::string_view key, Fits fits, const char* wanted) {
  const GgufPair* pair = find(header, key);
  if (pair != nullptr && (!pair->is_array || !fits(pair->type)))
    refuse(header, key, fmt::format("is {}, not an array of {}", kind_of(*pair), wanted));
  return pair;
}

bool is_string(GgufValueType type) {
  return type == GgufValueType::string;
}

/// The string whose length stands at `at`; `at` moves behind it.
std::string_view take_string(const char*& at) {
  std::uint64_t length = 0;
  std::memcpy(&length, at, sizeof length);
  const std::string_view text(at + sizeof length, length);
  at = text.data() + text.size();
  return text;
}

}  // namespace

const std::string& GgufMetadata::file() const {
  return header_->file->path();
}

bool GgufMetadata::has(std::string_view key) const {
  return find(*header_, key) != nullptr;
}

bool GgufMetadata::is_array(std::string_view key) const {
  const GgufPair* pair = find(*header_, key);
  return pair != nullptr && pair->is_array;
}

std::optional<std::string_view> GgufMetadata::text(std::string_view key) const {
  const GgufPair* pair = find_value(*header_, key, is_string, "a string");
  if (pair == nullptr) return std::nullopt;
  const char* at = header_->bytes.data() + pair->value_begin;
  return take_string(at);
}

std::optional<std::uint64_t> GgufMetadata::count(std::string_view key) const {
  const GgufPair* pair = find_value(*header_, key, is_integer, "an integer");
  if (pair == nullptr) return std::nullopt;
  const char* at = header_->bytes.data() + pair->value_begin;
  if (pair->type == GgufValueType::u64) return read_as<std::uint64_t>(pair->type, at);
  const auto value = read_as<std::int64_t>(pair->type, at);
  if (value < 0) refuse(*header_, key, fmt::format("is {}; it cannot be negative", value));
  return static_cast<std::uint64_t>(value);
}

std::optional<std::int64_t> GgufMetadata::integer(std::string_view key) const {
  const GgufPair* pair = find_value(*header_, key, is_integer, "an integer");
  if (pair == nullptr) return std::nullopt;
  return read_integer(*header_, *pair, header_->bytes.data() + pair->value_begin);
}

std::optional<double> GgufMetadata::real(std::string_view key) const {
  const auto fits = [](GgufValueType type) { return is_real(type) || is_integer(type); };
  const GgufPair* pair = find_value(*header_, key, fits, "a number");
  if (pair == nullptr) return std::nullopt;
  const auto value = read_as<double>(pair->type, header_->bytes.data() + pair->value_begin);
  if (!std::isfinite(value)) refuse(*header_, key, fmt::format("is {}", value));
  return value;
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const {
  const auto fits = [](GgufValueType type) { return type == GgufValueType::boolean; };
  const GgufPair* pair = find_value(*header_, key, fits, "a bool");
  if (pair == nullptr) return std::nullopt;
  return header_->bytes[pair->value_begin] != 0;
}

std::optional<std::vector<std::string_view>> GgufMetadata::texts(std::string_view key) const {
  const GgufPair* pair = find_array(*header_, key, is_string, "strings");
  if (pair == nullptr) return std::nullopt;
  std::vector<std::string_view> texts;
  texts.reserve(pair->count);
  const char* at = header_->bytes.data() + pair->value_begin;
  for (std::uint64_t i = 0; i < pair->count; ++i) texts.push_back(take_string(at));
  return texts;
}

std::optional<std::vector<float>> GgufMetadata::reals(std::string_view key) const {
  const GgufPair* pair = find_array(*header_, key, is_real, "f32 or f64");
  if (pair == nullptr) return std::nullopt;
  std::vector<float> values;
  values.reserve(pair->count);
  const char* at = header_->bytes.data() + pair->value_begin;
  for (std::uint64_t i = 0; i < pair->count; ++i, at += value_bytes(pair->type)) {
    values.push_back(read_as<float>(pair->type, at));
    if (std::isnan(values.back())) refuse(*header_, key, fmt::format("has NaN as item {}", i));
  }
  return values;
}

std::optional<std::vector<std::int64_t>> GgufMetadata::integers(std::string_view key) const {
  const auto fits = [](GgufValueType type) { return is_integer(type) || type == GgufValueType::boolean; };
  const GgufPair* pair = find_array(*header_, key, fits, "integers");
  if (pair == nullptr) return std::nullopt;
  std::vector<std::int64_t> values;
  values.reserve(pair->count);
  const char* at = header_->bytes.data() + pair->value_begin;
  for (std::uint64_t i = 0; i < pair->count; ++i, at += value_bytes(pair->type))
    values.push_back(read_integer(*header_, *pair, at));
  return values;
}

}  // namespace gemring

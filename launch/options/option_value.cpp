#include "launch/options/option_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "engine/base/format.h"

namespace gemring {
namespace {

constexpr std::uint64_t kLargestSeed = std::uint64_t{1} << 53;  // reports are JSON, whose numbers are exact up to it

/// A sign in front is what people write; from_chars() takes - only.
std::string_view digits_of(const std::string& text) {
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  return digits;
}

/// std::errc(): read; result_out_of_range: a number that the type cannot hold; else no number.
template <class Number>
std::errc number_of(const std::string& text, Number& number) {
  const std::string_view digits = digits_of(text);
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return rest == digits.data() + digits.size() ? error : std::errc::invalid_argument;
}

/// How a bound is written in advice: with points between thousands where it is whole.
std::string shown(std::int64_t number) {
  return number < 0 ? fmt::format("{}", number) : grouped(static_cast<std::uint64_t>(number));
}
std::string shown(double number) {
  return fmt::format("{}", number);
}

template <class Number>
[[noreturn]] void refuse_range(const std::string& text, bool too_small, const NumberRange<Number>& range,
                               const std::string& where) {
  const std::string more = (range.above_least ? "more than " : "at least ") + shown(range.least);
  std::string advice = fmt::format("give {} or more", shown(range.least));
  if (too_small && range.above_least) advice = fmt::format("give more than {}", shown(range.least));
  if (!too_small) advice = fmt::format("give {} at most", shown(range.most));
  if (!range.complaint.empty()) {
    throw UsageError({where, fmt::format("{} {}", text, range.complaint),
                      fmt::format("give {}, and {} at most", more, shown(range.most))});
  }
  throw UsageError({where, fmt::format("{} is too {}", text, too_small ? "small" : "large"), advice});
}

template <class Number>
Number real_number(const std::string& text, const RealRange& range, const std::string& where) {
  Number number = 0;
  const std::errc error = number_of(text, number);
  if (error == std::errc::result_out_of_range) {  // 1e-400 as well: neither is a value that somebody wants
    throw UsageError({where, fmt::format("{} is out of the range of numbers", text),
                      fmt::format("give {} to {}", shown(range.least), shown(range.most))});
  }
  if (error != std::errc() || !std::isfinite(number)) {
    throw UsageError({where, fmt::format("'{}' is no number", text),
                      fmt::format("give {} to {}", shown(range.least), shown(range.most))});
  }
  // In the number's own type: 0.01 as a float lies below 0.01 as a double.
  const bool too_small =
      number < static_cast<Number>(range.least) || (range.above_least && number == static_cast<Number>(range.least));
  if (too_small || number > static_cast<Number>(range.most)) refuse_range(text, too_small, range, where);
  return number;
}

}  // namespace

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

std::int64_t read_whole(const std::string& text, const WholeRange& range, const std::string& where) {
  std::int64_t number = 0;
  const std::errc error = number_of(text, number);
  if (error == std::errc::result_out_of_range) refuse_range(text, text.starts_with('-'), range, where);
  if (error != std::errc()) {
    throw UsageError({where, fmt::format("'{}' is no whole number", text),
                      fmt::format("give {} to {}", shown(range.least), shown(range.most))});
  }
  if (number < range.least || number > range.most) refuse_range(text, number < range.least, range, where);
  if (range.odd && number % 2 == 0) {
    throw UsageError({where, fmt::format("{} is not odd", text), fmt::format("give {} or {}", number - 1, number + 1)});
  }
  return number;
}

double read_real(const std::string& text, const RealRange& range, const std::string& where) {
  return real_number<double>(text, range, where);
}

float read_float(const std::string& text, const RealRange& range, const std::string& where) {
  return real_number<float>(text, range, where);
}

bool read_truth(const std::string& text, const std::string& where) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::array<std::string_view, 6> kTrue = {"true", "on", "yes", "1", "t", "y"};
  constexpr std::array<std::string_view, 6> kFalse = {"false", "off", "no", "0", "f", "n"};
  if (std::find(kTrue.begin(), kTrue.end(), lower) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), lower) != kFalse.end()) return false;
  throw UsageError({where, fmt::format("'{}' is none of true|false", text), ""});
}

std::optional<std::uint64_t> read_seed(const std::string& text, const std::string& where) {
  if (text == "-1") return std::nullopt;
  std::uint64_t number = 0;
  const std::errc error = number_of(text, number);
  if (error == std::errc() && number <= kLargestSeed) return number;
  std::int64_t negative = 0;
  const char* const advice = "give a whole number from 0 on, or -1 to draw one";
  if (error == std::errc() || error == std::errc::result_out_of_range)
    throw UsageError({where, fmt::format("{} is too large", text), advice});
  if (number_of(text, negative) != std::errc::invalid_argument) {
    throw UsageError({where, fmt::format("{} is too small", text), advice});
  }
  throw UsageError({where, fmt::format("'{}' is no whole number", text), advice});
}

void refuse_choice(const std::string& text, const std::vector<std::string>& choices, const std::string& where) {
  throw UsageError({where, fmt::format("'{}' is none of {}", text, fmt::join(choices, "|")), ""});
}

const Options& default_options() {
  static const Options options;
  return options;
}

Bounds bounds_of(const WholeRange& range) {
  return {fmt::format("{}", range.least), fmt::format("{}", range.most), range.above_least, range.odd};
}

Bounds bounds_of(const RealRange& range) {
  return {fmt::format("{}", range.least), fmt::format("{}", range.most), range.above_least, range.odd};
}

Bounds seed_bounds() {
  return {"-1", fmt::format("{}", kLargestSeed)};
}

}  // namespace gemring

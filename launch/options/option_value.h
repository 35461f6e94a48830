// Kinds of values that options have. Each function takes a `field`, which gives the place of the value in Options:
//   [](auto& options) -> auto& { return options.run.threads; }
// The place may be a std::optional, which stays unset where the option is not given.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "launch/options/option.h"

namespace gemring {

template <class T>
struct WithoutOptional {
  using Type = T;
};
template <class T>
struct WithoutOptional<std::optional<T>> {
  using Type = T;
};

template <class Field>
using FieldType = std::remove_cvref_t<std::invoke_result_t<Field, Options&>>;

/// The type of a field's number, whether it may be unset or not.
template <class Field>
using NumberOf = typename WithoutOptional<FieldType<Field>>::Type;

/// The value where it is set, for fields that may be unset and for those that may not.
template <class T>
const T* set_value(const T& value) {
  return &value;
}
template <class T>
const T* set_value(const std::optional<T>& value) {
  return value ? &*value : nullptr;
}

template <class Number>
struct NumberRange {
  Number least;
  Number most;
  bool above_least = false;
  bool odd = false;
  std::string complaint = {};  // "is no share" instead of "is too small" and "is too large"
};
using WholeRange = NumberRange<std::int64_t>;
using RealRange = NumberRange<double>;
template <class Number>
using RangeOf = std::conditional_t<std::is_floating_point_v<Number>, RealRange, WholeRange>;

/// Of a decimal number, all of `text`. Throws UsageError: no number, one out of range.
std::int64_t read_whole(const std::string& text, const WholeRange& range, const std::string& where);

/// "a,b,c" cut at its commas. Empty parts stay: at least one part.
std::vector<std::string> split_list(const std::string& text);
double read_real(const std::string& text, const RealRange& range, const std::string& where);
float read_float(const std::string& text, const RealRange& range, const std::string& where);
/// true, on, yes, 1 or false, off, no, 0.
bool read_truth(const std::string& text, const std::string& where);
/// -1, which is to draw one, or a number of at most 2^53.
std::optional<std::uint64_t> read_seed(const std::string& text, const std::string& where);
[[noreturn]] void refuse_choice(const std::string& text, const std::vector<std::string>& choices,
                                const std::string& where);

Bounds bounds_of(const WholeRange& range);
Bounds bounds_of(const RealRange& range);
Bounds seed_bounds();

/// Options of which nothing is given.
const Options& default_options();

/// For OptionValue::reset.
template <class Field>
std::function<void(Options&)> reset_of(Field field) {
  return [field](Options& options) { field(options) = field(default_options()); };
}

template <class Field>
OptionValue flag(Field field) {
  return {.kind = ValueKind::flag,
          .read = [field](Options& options, const std::vector<std::string>& texts,
                          const std::string& where) { field(options) = read_truth(texts.at(0), where); },
          .texts = [field](const Options& options) -> std::vector<std::string> {
            return {field(options) ? "true" : "false"};
          },
          .reset = reset_of(field)};
}

/// Whole or real, as the field is.
template <class Field>
OptionValue number(Field field, const RangeOf<NumberOf<Field>>& range) {
  using Number = NumberOf<Field>;
  return {.kind = std::is_floating_point_v<Number> ? ValueKind::real : ValueKind::whole,
          .bounds = bounds_of(range),
          .read =
              [field, range](Options& options, const std::vector<std::string>& texts, const std::string& where) {
                if constexpr (std::is_same_v<Number, float>) {
                  field(options) = read_float(texts.at(0), range, where);
                } else if constexpr (std::is_floating_point_v<Number>) {
                  field(options) = read_real(texts.at(0), range, where);
                } else {
                  field(options) = static_cast<Number>(read_whole(texts.at(0), range, where));
                }
              },
          .texts = [field](const Options& options) -> std::vector<std::string> {
            const Number* const value = set_value(field(options));
            if (value == nullptr) return {};
            return {fmt::format("{}", *value)};
          },
          .reset = reset_of(field)};
}

template <class Field>
OptionValue text(Field field) {
  return {.kind = ValueKind::text,
          .read = [field](Options& options, const std::vector<std::string>& texts,
                          const std::string& /*where*/) { field(options) = texts.at(0); },
          .texts = [field](const Options& options) -> std::vector<std::string> {
            const std::string* const value = set_value(field(options));
            if (value == nullptr) return {};
            return {*value};
          },
          .reset = reset_of(field)};
}

/// The text of a JSON array that a field of a request holds, for OptionDescription::content.
template <class Field>
OptionValue json_array(Field field) {
  OptionValue value = text(field);
  value.kind = ValueKind::array;
  return value;
}

/// Given any number of times, each with one value.
template <class Field>
OptionValue list(Field field) {
  return {.kind = ValueKind::list,
          .read = [field](Options& options, const std::vector<std::string>& texts,
                          const std::string& /*where*/) { field(options) = texts; },
          .texts = [field](const Options& options) -> std::vector<std::string> { return field(options); },
          .reset = reset_of(field)};
}

/// One word of several. Where the field is a std::optional, a word may also stand for no value ("auto").
template <class Field>
OptionValue choice(Field field, std::vector<std::pair<std::string, FieldType<Field>>> words) {
  std::vector<std::string> names;
  names.reserve(words.size());
  for (const auto& [name, value] : words) names.push_back(name);
  return {.kind = ValueKind::choice,
          .choices = names,
          .read =
              [field, words, names](Options& options, const std::vector<std::string>& texts, const std::string& where) {
                for (const auto& [name, value] : words) {
                  if (name == texts.at(0)) return void(field(options) = value);
                }
                refuse_choice(texts.at(0), names, where);
              },
          .texts = [field, words](const Options& options) -> std::vector<std::string> {
            for (const auto& [name, value] : words) {
              if (value == field(options)) return {name};
            }
            return {};
          },
          .reset = reset_of(field)};
}

/// A seed and whether it is still to be drawn (-1); see draw_seeds().
template <class Field, class Draw>
OptionValue seed(Field field, Draw draw) {
  return {.kind = ValueKind::whole,
          .bounds = seed_bounds(),
          .read =
              [field, draw](Options& options, const std::vector<std::string>& texts, const std::string& where) {
                const std::optional<std::uint64_t> number = read_seed(texts.at(0), where);
                draw(options) = !number;
                field(options) = number.value_or(0);
              },
          .texts = [field, draw](const Options& options) -> std::vector<std::string> {
            return {draw(options) ? "-1" : fmt::format("{}", field(options))};
          },
          .reset =
              [field, draw](Options& options) {
                reset_of(field)(options);
                reset_of(draw)(options);
              }};
}

}  // namespace gemring

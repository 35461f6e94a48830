#include "launch/start/places_of_affinity.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace gemring {
namespace {

constexpr int kMostProcessors = 1 << 16;

/// The number that `text` begins with, taken off it.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || number >= kMostProcessors) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, char wanted) {
  if (!text.starts_with(wanted)) return false;
  text.remove_prefix(1);
  return true;
}

/// "4", "4-15" or "4-15:2", taken off `text`; empty where it is none.
std::vector<int> take_processors(std::string_view& text) {
  const std::optional<int> first = take_number(text);
  if (!first) return {};
  std::optional<int> last = first, stride = 1;
  if (take(text, '-')) {
    last = take_number(text);
    if (take(text, ':')) stride = take_number(text);
  }
  std::vector<int> processors;
  if (!last || !stride || *stride == 0) return processors;
  for (int processor = *first; processor <= *last; processor += *stride) processors.push_back(processor);
  return processors;
}

}  // namespace

std::optional<std::string> places_of_affinity(std::string_view affinity, const std::vector<int>& usable) {
  constexpr std::string_view kBetween = " \t,";
  std::string places;
  bool all_usable = true;
  while (true) {
    affinity.remove_prefix(std::min(affinity.find_first_not_of(kBetween), affinity.size()));
    if (affinity.empty()) break;
    const std::vector<int> processors = take_processors(affinity);
    if (processors.empty()) return std::nullopt;
    for (const int processor : processors) {
      places += fmt::format("{}{{{}}}", places.empty() ? "" : ",", processor);
      all_usable = all_usable && std::find(usable.begin(), usable.end(), processor) != usable.end();
    }
  }
  return all_usable ? std::nullopt : std::optional(places);
}

}  // namespace gemring

#include "engine/selection/keep_unit.h"

#include <array>
#include <utility>

namespace gemring {
namespace {

constexpr std::array<std::pair<KeepUnit, std::string_view>, 4> kUnitNames = {{
    {KeepUnit::tokens, "tokens"},
    {KeepUnit::chunks, "chunks"},
    {KeepUnit::lines, "lines"},
    {KeepUnit::sentences, "sentences"},
}};

}  // namespace

std::string_view name(KeepUnit unit) {
  for (const auto& [each, word] : kUnitNames) {
    if (each == unit) return word;
  }
  return "";
}

std::optional<KeepUnit> keep_unit_of(std::string_view name) {
  for (const auto& [each, word] : kUnitNames) {
    if (word == name) return each;
  }
  return std::nullopt;
}

}  // namespace gemring

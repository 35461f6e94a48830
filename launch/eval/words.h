// English words that keys and lists are drawn from.
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "launch/calibrate/draw.h"

namespace gemring {

std::span<const std::string_view> adjectives();
std::span<const std::string_view> nouns();

/// Words that differ from each other, however many are asked for.
class DistinctWords {
 public:
  explicit DistinctWords(Draw& draw) : draw_(draw) {}  // kept by reference

  /// "quiet-harbour", as RULER's keys are; a third word where two would not differ.
  std::string key();

  /// "harbour"; of two adjectives, "quietdistant", once plain words run out: no plain word is a part of these.
  std::string word();

 private:
  Draw& draw_;
  std::set<std::string> taken_;
};

}  // namespace gemring

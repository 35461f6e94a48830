// Random choices, the same on any machine: std's distributions differ between libraries, the generator does not.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace gemring {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t count) { return static_cast<std::size_t>(engine_() % count); }  // of 0..count-1

  template <class List>
  std::string one_of(const List& list) {
    return std::string(list[below(list.size())]);
  }

  template <class T>
  void shuffle(std::vector<T>& list) {
    for (std::size_t i = list.size(); i > 1; --i) std::swap(list[i - 1], list[below(i)]);
  }

  std::string number() { return fmt::format("{}", 1'000'000 + below(9'000'000)); }  // 7 digits

  std::string uuid() {
    const std::uint64_t a = engine_(), b = engine_();
    return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xffff, b >> 48,
                       b & 0xffffffffffff);
  }

  std::string letters(std::size_t count, char first) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) text += static_cast<char>(first + static_cast<char>(below(26)));
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace gemring

#include "launch/options/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace gemring {
namespace {

/// "--max-new-tokens" -> max, new, tokens.
std::vector<std::string> parts_of(std::string_view word) {
  std::vector<std::string> parts(1);
  for (const char c : word) {
    if (c == '-' || c == '_') {
      if (!parts.back().empty()) parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.back().empty()) parts.pop_back();
  return parts;
}

/// Whether each part of `written` is one of `word`.
bool has_parts(std::string_view word, std::string_view written) {
  const std::vector<std::string> all = parts_of(word), asked = parts_of(written);
  return !asked.empty() && std::all_of(asked.begin(), asked.end(), [&](const std::string& part) {
    return std::find(all.begin(), all.end(), part) != all.end();
  });
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  // Rows of the table of distances between beginnings: of a's first i letters to b's first j.
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string nearest_word(std::string_view written, std::span<const std::string> words) {
  constexpr std::size_t kLongest = 64;  // of a word that is worth comparing
  if (written.size() > kLongest) return {};
  const std::size_t letters = written.size() - std::min(written.size(), written.find_first_not_of('-'));
  std::string nearest;
  std::size_t distance = letters < 3 ? 0 : std::min<std::size_t>(3, (letters + 1) / 3);  // this far and no further
  for (const std::string& word : words) {
    const std::size_t found = edit_distance(written, word);
    if (found > distance || (found == distance && !nearest.empty())) continue;
    nearest = word;
    distance = found;
  }
  if (!nearest.empty()) return nearest;
  const auto same =
      std::find_if(words.begin(), words.end(), [&](const std::string& word) { return has_parts(word, written); });
  return same == words.end() || letters < 3 ? std::string() : *same;
}

std::string did_you_mean(std::string_view written, std::span<const std::string> words) {
  const std::string nearest = nearest_word(written, words);
  return nearest.empty() ? nearest : fmt::format("did you mean {}? ", nearest);
}

}  // namespace gemring

#include "engine/text/tokenizer/spm_merges.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

std::size_t first_length(std::string_view text) {
  return utf8_sequence(text).length;
}

// The highest score is rank 0; equal scores share one, so that the leftmost pair of them merges first.
std::vector<std::uint32_t> ranks_of(const std::vector<ScoredPiece>& pieces) {
  std::vector<float> scores(pieces.size());
  std::transform(pieces.begin(), pieces.end(), scores.begin(), [](const ScoredPiece& piece) { return piece.score; });
  std::sort(scores.begin(), scores.end(), std::greater<>());
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  std::vector<std::uint32_t> ranks(pieces.size());
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    const auto place = std::lower_bound(scores.begin(), scores.end(), pieces[id].score, std::greater<>());
    ranks[id] = static_cast<std::uint32_t>(place - scores.begin());
  }
  return ranks;
}

}  // namespace

std::vector<std::string> read_scored_merges(const std::vector<ScoredPiece>& pieces, BpeModel& bpe) {
  std::unordered_map<std::string_view, TokenId> symbols;
  symbols.reserve(pieces.size());
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    if (!pieces[id].text.empty()) symbols.emplace(pieces[id].text, TokenId(id));
  }
  std::vector<std::string> stand_ins;
  for (const ScoredPiece& piece : pieces) {
    for (std::string_view rest = piece.text; !rest.empty();) {
      const std::string_view character = rest.substr(0, first_length(rest));
      rest.remove_prefix(character.size());
      if (symbols.emplace(character, TokenId(pieces.size() + stand_ins.size())).second) {
        stand_ins.emplace_back(character);
      }
    }
  }
  bpe.first_stand_in = TokenId(pieces.size());
  for (const auto& [text, symbol] : symbols) {
    if (first_length(text) == text.size()) bpe.characters.set(code_point(text), symbol);
  }

  const std::vector<std::uint32_t> ranks = ranks_of(pieces);
  struct Pair {
    TokenId left, right;
    Merge merge;
  };
  std::vector<Pair> pairs;
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].text;
    if (text.empty()) continue;
    for (std::size_t cut = first_length(text); cut < text.size(); cut += first_length(text.substr(cut))) {
      const auto left = symbols.find(text.substr(0, cut)), right = symbols.find(text.substr(cut));
      if (left == symbols.end() || right == symbols.end()) continue;
      pairs.push_back({left->second, right->second, {ranks[id], TokenId(id)}});
    }
  }
  bpe.merges = MergeTable(pairs.size());
  for (const Pair& pair : pairs) bpe.merges.insert(pair.left, pair.right, pair.merge);
  return stand_ins;
}

}  // namespace gemring

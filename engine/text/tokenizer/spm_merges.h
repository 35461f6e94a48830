// The merges of a SentencePiece BPE vocabulary, which has none: two neighbours merge where the vocabulary has their
// joined text, and the score of that says when. Private to engine/text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer/bpe.h"

namespace gemring {

struct ScoredPiece {
  std::string_view text;  // valid UTF-8; empty: the id is no piece of text
  float score = 0;
};

/// Fills bpe.characters, bpe.merges and bpe.first_stand_in from the pieces, whose ids are their places. Returns the
/// stand-ins: characters that occur in pieces but are none, with the ids behind those of the pieces.
std::vector<std::string> read_scored_merges(const std::vector<ScoredPiece>& pieces, BpeModel& bpe);

}  // namespace gemring

// Whether token ids of one model mean the same to another.
#pragma once

#include "engine/text/tokenizer/tokenizer.h"
#include "launch/prompts/model.h"

namespace gemring {

/// A model and its tokenizer; nullptr where it has none.
struct ModelVocabulary {
  const OpenModel& model;
  const Tokenizer* tokenizer = nullptr;
};

/// Of the model that answers and the one that filters. Where one of them has no tokenizer there are no texts to
/// compare, and none to pass on: throws ConfigError where their sizes differ.
bool have_one_vocabulary(const ModelVocabulary& answer, const ModelVocabulary& filter);

}  // namespace gemring

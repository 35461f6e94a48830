#include "launch/prompts/vocabulary.h"

#include <fmt/format.h>

#include <optional>

#include "engine/base/error.h"

namespace gemring {

bool have_one_vocabulary(const ModelVocabulary& answer, const ModelVocabulary& filter) {
  if (answer.tokenizer != nullptr && filter.tokenizer != nullptr)
    return first_difference(*answer.tokenizer, *filter.tokenizer) == std::nullopt;
  if (answer.model.config.vocab == filter.model.config.vocab) return true;
  const ModelVocabulary& without = answer.tokenizer == nullptr ? answer : filter;
  throw ConfigError({"--filter-model",
                     fmt::format("{} has a vocabulary of {} ids, {} one of {}, and {} no tokenizer to pass on texts",
                                 filter.model.name, filter.model.config.vocab, answer.model.name,
                                 answer.model.config.vocab, without.model.name),
                     "put the model's tokenizer.json beside it, or give a filter model of the same vocabulary"});
}

}  // namespace gemring

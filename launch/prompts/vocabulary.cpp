#include "launch/prompts/vocabulary.h"

#include <fmt/format.h>

#include <optional>
#include <string>

#include "engine/base/error.h"

namespace gemring {
namespace {

[[noreturn]] void refuse_pair(const ModelVocabulary& answer, const std::string& problem) {
  throw ConfigError({"--filter-model", problem,
                     fmt::format("give a filter model of the vocabulary of {}: a smaller one of its family, most often",
                                 answer.model.name)});
}

}  // namespace

void require_same_vocabulary(const ModelVocabulary& answer, const ModelVocabulary& filter) {
  if (answer.tokenizer == nullptr || filter.tokenizer == nullptr) {
    if (answer.model.config.vocab == filter.model.config.vocab) return;
    refuse_pair(answer, fmt::format("{} has a vocabulary of {} ids, and {} one of {}", filter.model.name,
                                    filter.model.config.vocab, answer.model.name, answer.model.config.vocab));
  }
  const std::optional<TokenId> id = first_difference(*answer.tokenizer, *filter.tokenizer);
  if (!id) return;
  refuse_pair(answer, fmt::format("{} has another vocabulary than {}: id {} is not the same token in both",
                                  filter.model.name, answer.model.name, id->value()));
}

}  // namespace gemring

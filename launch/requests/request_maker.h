// From the command line and a line of --requests to a request that can run. Rank 0 alone.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "distributed/session/session.h"
#include "engine/selection/filter_profile.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/cluster/workload.h"
#include "launch/prompts/model.h"
#include "launch/prompts/prompt.h"
#include "launch/prompts/two_vocabularies.h"
#include "launch/requests/request_line.h"

namespace gemring {

/// Of a filter model whose vocabulary is another one than that of the model that answers.
struct FilterVocabulary {
  const Tokenizer& tokenizer;
  const ChatTemplate* chat = nullptr;  // with --chat
};

/// What all requests of a run have in common. The caller's, outlives the maker.
struct RequestSetting {
  const Options& options;
  RunModels models;
  const FilterProfile& filter;
  const Tokenizer* tokenizer = nullptr;  // nullptr: the model has none, so prompts are ids
  const ChatTemplate* chat = nullptr;    // with --chat
  std::optional<FilterVocabulary> filter_vocabulary = {};
};

class RequestMaker {
 public:
  explicit RequestMaker(const RequestSetting& setting);

  /// What the command line says: without --requests the whole of the one request, else what lines write over.
  RequestLine defaults() const;

  /// Tokenises the prompt and checks lengths against the model's positions. Throws Error.
  GenerationRequest make(const RequestLine& line) const;

  /// The same with a prompt that is there; the line's does not count. Requires: both models have one vocabulary, or
  /// nothing is filtered.
  GenerationRequest make(Prompt prompt, const RequestLine& line) const;
  /// The same where both models read it, each in its own vocabulary.
  GenerationRequest make(const std::shared_ptr<const PromptInTwoVocabularies>& prompt, const RequestLine& line) const;

 private:
  ResolvedSelection selection_of(const RequestLine& line, const Prompt& prompt) const;
  /// The prompt, what of it is kept, and its lengths checked.
  GenerationRequest with_prompt(Prompt prompt, const RequestLine& line) const;
  GenerationRequest with_prompt_of_two(const std::shared_ptr<const PromptInTwoVocabularies>& prompt,
                                       const RequestLine& line) const;
  std::shared_ptr<const PromptInTwoVocabularies> load_prompt_of_two(const PromptOptions& options,
                                                                    const FilterVocabulary& filter) const;
  GenerationRequest finished(GenerationRequest request, const RequestLine& line) const;
  void check_length_of(const RequestLine& line, const GenerationRequest& request) const;

  RequestSetting setting_;
  std::vector<TokenId> end_tokens_;
};

/// Tokens of the prompt that memory is counted for: where a filter pass runs more than are kept.
std::int32_t tokens_to_plan_for(const GenerationRequest& request);

/// Checks a request against memory as if every sequence in flight were as long: then those that fit one by one fit
/// together. Throws ResourceError.
void check_memory(const PlannedSession& planned, const GenerationRequest& request);

}  // namespace gemring

// From a line of --requests to a request that can run. Rank 0 alone.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "distributed/session/session.h"
#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/cluster/workload.h"
#include "launch/prompts/model.h"
#include "launch/prompts/prompt.h"
#include "launch/requests/request_line.h"

namespace gemring {

/// What all lines have in common. The caller's, outlives the maker.
struct RequestSetting {
  const Options& options;
  const OpenModel& model;
  const Tokenizer* tokenizer = nullptr;  // nullptr: the model has none, so lines give ids
  const ChatTemplate* chat = nullptr;    // with --chat
  const PlannedSession& planned;
};

class RequestMaker {
 public:
  explicit RequestMaker(const RequestSetting& setting);

  RequestLine defaults() const;
  std::int32_t vocab() const { return setting_.model.config.vocab; }

  /// Tokenises the prompt and checks lengths against the model's positions, and against memory as if every sequence in
  /// flight were as long: then those that fit one by one fit together. Throws Error.
  GenerationRequest make(const RequestLine& line) const;

 private:
  Prompt prompt_of(const RequestLine& line) const;

  RequestSetting setting_;
  std::vector<TokenId> end_tokens_;
};

}  // namespace gemring

// What a service reads requests with, and from the body of one to what can run. No sockets in here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/text/chat/chat_template.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "launch/index/index_directory.h"
#include "launch/prompts/prompt_text.h"
#include "launch/requests/request_maker.h"
#include "launch/serve/api/answer_shape.h"
#include "launch/serve/api/api_request.h"

namespace gemring {

/// What memory was planned for; beyond them a request is refused.
struct ServiceLimits {
  std::int32_t prompt_tokens = 0;
  std::int32_t keep = 0;        // tokens of a prompt that the answering model reads
  std::int32_t new_tokens = 0;  // of an answer
  std::int32_t parallel = 0;    // answers at a time in the stages
  std::int32_t queue = 0;       // requests that may wait beside them
};

/// The caller's, outlives the service. Threads may read at once.
struct ServiceModel {
  const RequestMaker& plain;
  const RequestMaker* chat = nullptr;  // nullptr: the model has no chat template that gemring knows,
  std::string no_chat;                 // for this reason
  const Tokenizer& tokenizer;
  const ChatTemplate* chat_template = nullptr;
  const ModelConfig& config;
  std::string filter;  // what filters, in words
  ServiceLimits limits;
  bool passes_text = false;         // a filter model of another vocabulary reads first
  IndexDirectory* index = nullptr;  // of texts that are kept by name; nullptr: they do not outlive the service
};

/// Where in a prompt the texts of its client stand.
struct PromptPlaces {
  std::string text;
  std::vector<std::size_t> ends;      // Encoding::ends
  std::vector<MessagePart> messages;  // one of the whole text where it is no chat
};

/// An answer that can be given.
struct PreparedAnswer {
  GenerationRequest request;
  std::vector<std::string> stop;
  std::shared_ptr<const PromptPlaces> places = nullptr;  // where kept texts are asked for
};

/// Reads line number `index` of a request. Throws ApiFailure and Error.
PreparedAnswer prepare_answer(const ServiceModel& model, const ApiRequest& request, std::size_t index);

/// The parts of the client's texts that were kept, in order; markup of a template is none.
std::vector<KeptText> kept_texts(const PromptPlaces& places, const std::vector<OriginalPosition>& kept,
                                 const std::vector<float>& scores);

}  // namespace gemring

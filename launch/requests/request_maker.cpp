#include "launch/requests/request_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "engine/base/error.h"
#include "engine/generation/stop_rules.h"
#include "launch/prompts/chat.h"
#include "launch/prompts/filter_choice.h"
#include "launch/prompts/text_units.h"

namespace gemring {

namespace {

/// Whether the text of the tokens so far holds one of `strings`.
std::function<bool(TokenId)> ends_in(const std::vector<std::string>& strings, const Tokenizer* tokenizer) {
  if (tokenizer == nullptr) {
    throw UsageError({"--stop", "ends an answer by its text, and this model has no tokenizer",
                      "leave it out, or end it with --max-new-tokens"});
  }
  struct Text {
    StreamingDecoder decoder;
    StopStrings strings;
  };
  const auto text = std::make_shared<Text>(Text{StreamingDecoder(*tokenizer), StopStrings(strings)});
  return [text](TokenId id) {
    text->strings.push(text->decoder.push(id));
    return text->strings.found();
  };
}

std::vector<std::int32_t> unit_ends_of(const Prompt& prompt, KeepUnit unit) {
  if (!prompt.ends.empty()) return unit_ends(unit, prompt.text, prompt.ends);
  throw UsageError({"--keep-unit", fmt::format("{} stand in a text, and this prompt is token ids", name(unit)),
                    "give --keep-unit tokens or chunks, or the prompt as text"});
}

/// A model's embedding may have fewer rows than the other's, which is padded.
void check_ids(const std::vector<TokenId>& ids, const OpenModel& filter) {
  const auto beyond =
      std::find_if(ids.begin(), ids.end(), [&](TokenId id) { return id.value() >= filter.config.vocab; });
  if (beyond == ids.end()) return;
  throw ConfigError({"--filter-model",
                     fmt::format("token {} of the prompt has id {}, and the embedding of {} ends at {}",
                                 beyond - ids.begin(), beyond->value(), filter.name, filter.config.vocab - 1),
                     "leave that token out of the prompt, or the filter model"});
}

}  // namespace

RequestMaker::RequestMaker(const RequestSetting& setting)
    : setting_(setting), end_tokens_(setting.models.answer.config.end_tokens) {
  if (setting.chat == nullptr || setting.tokenizer == nullptr) return;
  for (const std::int32_t id : chat_end_tokens(*setting.chat, *setting.tokenizer)) end_tokens_.emplace_back(id);
}

RequestLine RequestMaker::defaults() const {
  RequestLine line;
  line.prompt = setting_.options.prompt;
  line.filter = setting_.options.filter;
  line.generate = setting_.options.generate;
  return line;
}

GenerationRequest RequestMaker::make(const RequestLine& line) const {
  const ModelConfig& answering = setting_.models.answer.config;
  const ModelConfig& filtering = setting_.models.filter.config;
  Prompt prompt = load_prompt(line.prompt, setting_.tokenizer, setting_.chat, answering);
  if (line.filter.method == Method::gemfilter) check_ids(prompt.ids, setting_.models.filter);
  const auto tokens = static_cast<std::int32_t>(prompt.ids.size());
  GenerationRequest request;
  if (line.filter.method == Method::gemfilter) {
    SelectionOptions selection = line.filter.selection;
    if (!selection.pool_width) selection.pool_width = setting_.filter.pool_width;
    if (!selection.unit) selection.unit = setting_.filter.unit;
    const std::int32_t positions = answering.max_positions - line.generate.max_new_tokens;
    request.selection = resolve(selection, tokens, prompt.forced, positions);
    if (needs_text(request.selection.unit)) request.selection.unit_ends = unit_ends_of(prompt, request.selection.unit);
  }
  check_length(tokens, line.filter, request.selection, line.generate.max_new_tokens,
               {answering.max_positions, filter_positions(filtering, setting_.filter)},
               setting_.options.run.allow_extrapolation);
  request.sampling = line.generate.sampling;
  request.stop = {end_tokens_, line.generate.max_new_tokens, line.generate.ignore_eos};
  if (!line.generate.stop.empty()) request.stop.ends_text = ends_in(line.generate.stop, setting_.tokenizer);
  request.known_tokens = setting_.tokenizer == nullptr ? 0 : setting_.tokenizer->size();
  if (setting_.tokenizer != nullptr) request.unknown_tokens = setting_.tokenizer->holes();
  request.prompt = std::move(prompt.ids);
  return request;
}

void check_memory(const PlannedSession& planned, const GenerationRequest& request) {
  PlanInputs inputs = planned.inputs;
  inputs.prompt_tokens = static_cast<std::int32_t>(request.prompt.size());
  inputs.keep = request.selection.keep;
  inputs.max_new_tokens = request.stop.max_new_tokens;
  check_memory(rank_costs(planned.plan, inputs), inputs, planned.memory);
}

}  // namespace gemring

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

void RequestMaker::check_length_of(const RequestLine& line, const GenerationRequest& request) const {
  check_length(
      tokens_to_plan_for(request), line.filter, request.selection, line.generate.max_new_tokens,
      {setting_.models.answer.config.max_positions, filter_positions(setting_.models.filter.config, setting_.filter)},
      setting_.options.run.allow_extrapolation);
}

ResolvedSelection RequestMaker::selection_of(const RequestLine& line, const Prompt& prompt) const {
  SelectionOptions options = line.filter.selection;
  if (!options.pool_width) options.pool_width = setting_.filter.pool_width;
  if (!options.unit) {  // of ids there are no sentences: chunks come closest to what the profile means
    const KeepUnit unit = setting_.filter.unit;
    options.unit = needs_text(unit) && prompt.ends.empty() ? KeepUnit::chunks : unit;
  }
  const std::int32_t positions = setting_.models.answer.config.max_positions - line.generate.max_new_tokens;
  ResolvedSelection selection =
      resolve(options, static_cast<std::int32_t>(prompt.ids.size()), prompt.forced, positions);
  if (needs_text(selection.unit)) selection.unit_ends = unit_ends_of(prompt, selection.unit);
  return selection;
}

GenerationRequest RequestMaker::with_prompt(Prompt prompt, const RequestLine& line) const {
  GenerationRequest request;
  if (line.filter.method == Method::gemfilter) {
    check_ids(prompt.ids, setting_.models.filter);
    request.selection = selection_of(line, prompt);
  }
  request.prompt = std::move(prompt.ids);
  check_length_of(line, request);
  return request;
}

/// keep counts tokens of the model that answers, what is forced tokens of the one that filters.
GenerationRequest RequestMaker::with_prompt_of_two(const std::shared_ptr<const PromptInTwoVocabularies>& prompt,
                                                   const RequestLine& line) const {
  const Prompt& of_filter = prompt->of_filter();
  check_vocabulary(of_filter.ids, setting_.models.filter.config);
  std::vector<TokenId> whole = prompt->whole();
  check_vocabulary(whole, setting_.models.answer.config);

  GenerationRequest request;
  RequestLine all = line;  // whether what is forced has room is known only when it is read
  if (line.filter.selection.keep) all.filter.selection.keep = static_cast<std::int32_t>(of_filter.ids.size());
  request.selection = selection_of(all, of_filter);
  request.selection.keep = line.filter.selection.keep.value_or(request.selection.keep);
  if (whole.size() <= static_cast<std::size_t>(request.selection.keep)) {
    request.prompt = std::move(whole);
  } else {
    request.prompt = of_filter.ids;
    request.reading = [prompt](std::span<const OriginalPosition> kept) { return prompt->reading_of(kept); };
  }
  check_length_of(line, request);
  return request;
}

GenerationRequest RequestMaker::make(const RequestLine& line) const {
  if (setting_.filter_vocabulary && line.filter.method == Method::gemfilter) {
    return make(load_prompt_of_two(line.prompt, *setting_.filter_vocabulary), line);
  }
  return make(load_prompt(line.prompt, setting_.tokenizer, setting_.chat, setting_.models.answer.config), line);
}

std::shared_ptr<const PromptInTwoVocabularies> RequestMaker::load_prompt_of_two(const PromptOptions& options,
                                                                                const FilterVocabulary& filter) const {
  if (options.ids || options.ids_file) {
    throw UsageError({"--prompt-ids", "goes with no --filter-model of another vocabulary: no id means the same to both",
                      "give the prompt as text"});
  }
  const PromptOptions texts = with_texts_read(options);
  using Side = PromptInTwoVocabularies::Side;
  return std::make_shared<const PromptInTwoVocabularies>(Side{prompt_text(texts, filter.chat), filter.tokenizer},
                                                         Side{prompt_text(texts, setting_.chat), *setting_.tokenizer});
}

GenerationRequest RequestMaker::make(const std::shared_ptr<const PromptInTwoVocabularies>& prompt,
                                     const RequestLine& line) const {
  return finished(with_prompt_of_two(prompt, line), line);
}

GenerationRequest RequestMaker::make(Prompt prompt, const RequestLine& line) const {
  return finished(with_prompt(std::move(prompt), line), line);
}

GenerationRequest RequestMaker::finished(GenerationRequest request, const RequestLine& line) const {
  request.sampling = line.generate.sampling;
  request.stop = {end_tokens_, line.generate.max_new_tokens, line.generate.ignore_eos};
  if (!line.generate.stop.empty()) request.stop.ends_text = ends_in(line.generate.stop, setting_.tokenizer);
  request.known_tokens = setting_.tokenizer == nullptr ? 0 : setting_.tokenizer->size();
  if (setting_.tokenizer != nullptr) request.unknown_tokens = setting_.tokenizer->holes();
  return request;
}

std::int32_t tokens_to_plan_for(const GenerationRequest& request) {
  const auto tokens = static_cast<std::int32_t>(request.prompt.size());
  return request.reading ? std::max(tokens, request.selection.keep + 1) : tokens;
}

void check_memory(const PlannedSession& planned, const GenerationRequest& request) {
  PlanInputs inputs = planned.inputs;
  inputs.prompt_tokens = tokens_to_plan_for(request);
  inputs.keep = request.selection.keep;
  inputs.max_new_tokens = request.stop.max_new_tokens;
  check_memory(rank_costs(planned.plan, inputs), inputs, planned.memory);
}

}  // namespace gemring

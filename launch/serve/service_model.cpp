#include "launch/serve/service_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "distributed/plan/limits.h"
#include "engine/base/format.h"
#include "engine/base/log.h"
#include "engine/selection/selection.h"
#include "launch/serve/api/api_problem.h"
#include "launch/serve/text_store.h"

namespace gemring {
namespace {

std::string count(std::int64_t tokens) {
  return grouped(static_cast<std::uint64_t>(tokens));
}

void check_prompt_length(const ServiceLimits& limits, std::size_t tokens) {
  const auto n = static_cast<std::int64_t>(tokens);
  if (n <= limits.prompt_tokens) return;
  throw ApiFailure({.message = fmt::format("the prompt has {} tokens, and this server reads at most {} (--max-prompt)",
                                           count(n), count(limits.prompt_tokens)),
                    .param = "messages",
                    .code = "context_length_exceeded",
                    .figures = {{"n_prompt_tokens", n}, {"n_ctx", limits.prompt_tokens}}});
}

void check_limits(const ServiceLimits& limits, const GenerationRequest& request) {
  const auto n = static_cast<std::int64_t>(request.prompt.size());
  const std::int64_t read = request.is_filtered() ? request.selection.keep : n;
  if (read > limits.keep) {
    throw ApiFailure(
        {.message = fmt::format("{} tokens of the prompt are to be {}, and this server keeps at most {} (--max-keep)",
                                count(read), request.is_filtered() ? "kept" : "read by all layers", count(limits.keep)),
         .param = request.is_filtered() ? "gemring.keep" : "gemring.method",
         .code = "context_length_exceeded",
         .figures = {{"n_prompt_tokens", n}, {"n_ctx", limits.keep}}});
  }
  if (request.stop.max_new_tokens > limits.new_tokens) {
    throw ApiFailure(
        {.message = fmt::format("{} tokens are more than this server gives an answer: {} (--max-new-tokens)",
                                count(request.stop.max_new_tokens), count(limits.new_tokens)),
         .param = "max_tokens"});
  }
}

/// An error about an option or a field of a request line, by the client's name of it.
UsageError in_words_of_client(const UsageError& error) {
  std::string where = error.text().where;
  if (where.starts_with("--")) where.erase(0, 2);
  std::replace(where.begin(), where.end(), '-', '_');
  return UsageError({api_name(where), error.text().problem, error.text().advice});
}

/// The request line with what the options say else.
RequestLine line_of(const ServiceModel& model, const RequestMaker& maker, const ApiRequest& request,
                    std::size_t index) {
  RequestLine line = maker.defaults();
  line.prompt.chat.on = request.is_chat();
  read_request_line(request.lines[index], line);
  if (!request.gives_max_tokens) line.generate.max_new_tokens = model.limits.new_tokens;
  if (request.read_all) line.filter.selection.keep = kMostTokens;
  for (const std::string& warning : line.warnings) log_info("request: {}", warning);
  return line;
}

/// A text that is kept by name was read before, or is kept on disk when it was read.
void go_on_from_disk(IndexDirectory& index, const ApiRequest& request, GenerationRequest& made) {
  const std::string id = request.kind == ApiKind::text ? TextStore::id_of(*request.text) : request.text_id;
  if (id.empty()) return;
  made.stored = index.find(id);
  if (request.kind != ApiKind::text || made.stored) return;  // it is there: no copy of the text for a sink
  made.store =
      index.sink(id, {.text = *request.text, .chat = request.is_chat(), .system = std::nullopt, .date = std::nullopt});
}

PreparedAnswer prepare(const ServiceModel& model, const ApiRequest& request, std::size_t index) {
  if (request.is_chat() && model.chat == nullptr) {
    throw ApiFailure({.message = fmt::format("this model cannot chat: {}; ask /v1/completions", model.no_chat)});
  }
  const RequestMaker& maker = request.is_chat() ? *model.chat : model.plain;
  const RequestLine line = line_of(model, maker, request, index);
  PreparedAnswer prepared{.request = {}, .stop = line.generate.stop};
  if (model.passes_text || line.prompt.ids) {
    prepared.request = maker.make(line);
    check_prompt_length(model.limits, prepared.request.prompt.size());
  } else {
    PromptText text = prompt_text(line.prompt, request.is_chat() ? model.chat_template : nullptr);
    Prompt prompt = prompt_of(text, model.tokenizer);
    check_vocabulary(prompt.ids, model.config);
    check_prompt_length(model.limits, prompt.ids.size());
    if (request.return_kept) {
      if (!request.is_chat()) text.messages = {{0, false, {0, text.text.size()}}};
      prepared.places = std::make_shared<const PromptPlaces>(
          PromptPlaces{std::move(text.text), prompt.ends, std::move(text.messages)});
    }
    prepared.request = maker.make(std::move(prompt), line);
  }
  check_limits(model.limits, prepared.request);
  prepared.request.only_filters = request.kind == ApiKind::text || request.kind == ApiKind::selection;
  if (model.index != nullptr) go_on_from_disk(*model.index, request, prepared.request);
  prepared.request.cancel = std::make_shared<CancelHandle>();
  return prepared;
}

}  // namespace

PreparedAnswer prepare_answer(const ServiceModel& model, const ApiRequest& request, std::size_t index) {
  try {
    return prepare(model, request, index);
  } catch (const UsageError& error) {
    throw in_words_of_client(error);
  }
}

std::vector<KeptText> kept_texts(const PromptPlaces& places, const std::vector<OriginalPosition>& kept,
                                 const std::vector<float>& scores) {
  std::vector<KeptText> texts;
  for (const KeptSpan& span : kept_spans(kept)) {
    const std::size_t first = span.begin.index(), behind = span.end.index();
    const std::size_t begin = first == 0 ? 0 : places.ends.at(first - 1);
    const std::size_t end = places.ends.at(behind - 1);
    const auto own = std::span(scores).subspan(scores.empty() ? 0 : first, scores.empty() ? 0 : behind - first);
    const float score = own.empty() ? 0 : *std::max_element(own.begin(), own.end());
    for (const MessagePart& part : places.messages) {
      const std::size_t from = std::max(begin, part.bytes.begin), to = std::min(end, part.bytes.end);
      if (from >= to) continue;
      texts.push_back(
          {part.message, from - part.bytes.begin, to - part.bytes.begin, places.text.substr(from, to - from), score});
    }
  }
  return texts;
}

}  // namespace gemring

#include "launch/eval/case_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "launch/prompts/chat.h"

namespace gemring {
namespace {

/// Of what a search knows: amounts of text and the tokens of their prompts.
struct Amount {
  std::size_t units = 0;
  std::size_t tokens = 0;
};

/// Where a line through both points reaches `room`, behind `low`. Requires: tokens grow from one to the other.
std::size_t amount_at(std::size_t room, const Amount& low, const Amount& high) {
  const double slope = static_cast<double>(high.tokens - low.tokens) / static_cast<double>(high.units - low.units);
  return low.units + std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(room - low.tokens) / slope), 1);
}

/// The largest amount with at most `room` tokens that a search in few steps finds: each counts the tokens of a text.
/// `empty`: those of the prompt without any.
template <class Count>
std::size_t largest_amount(std::size_t empty, std::size_t room, Count count) {
  constexpr std::size_t kFirst = 8;    // units
  constexpr std::size_t kClose = 400;  // this part of `room` may be left
  const auto is_close = [&](const Amount& amount) { return room - amount.tokens <= room / kClose; };
  Amount low{0, empty};
  Amount high{kFirst, count(kFirst)};
  while (high.tokens <= room) {
    if (high.tokens <= low.tokens || is_close(high)) return high.units;  // the text ends here, or is long enough
    const Amount before = std::exchange(low, high);
    high.units = std::max(amount_at(room, before, low), low.units + 1);
    high.tokens = count(high.units);
  }
  for (int step = 1; high.units - low.units > 1 && !is_close(low); ++step) {
    const std::size_t middle = low.units + (high.units - low.units) / 2;
    const std::size_t on_line = std::min(amount_at(room, low, high), high.units - 1);
    const std::size_t units = step % 3 == 0 ? middle : on_line;  // the middle, where a line describes it badly
    const Amount tried{units, count(units)};
    (tried.tokens <= room ? low : high) = tried;
  }
  return low.units;
}

}  // namespace

PromptText prompt_text_of(const EvalCase& content, const ChatTemplate* chat) {
  if (chat != nullptr) {
    ChatOptions options;
    options.answer_prefix = content.answer_prefix;
    return chat_prompt(*chat, options, content.context, content.question);
  }
  PromptText text = join(content.context, content.question);
  text.text += " " + content.answer_prefix;
  return text;
}

std::vector<OriginalPosition> answer_tokens_of(const EvalCase& content, const PromptText& text,
                                               const std::vector<std::size_t>& ends) {
  const std::size_t shift = text.text.find(content.context);
  GEMRING_CHECK(shift != std::string::npos, "the chat template changed the text");
  std::vector<OriginalPosition> tokens;
  std::size_t begin = 0;
  auto place = content.places.begin();
  for (std::size_t token = 0; token < ends.size(); ++token) {
    const std::size_t end = ends[token];
    while (place != content.places.end() && shift + place->end <= begin) ++place;
    if (place == content.places.end()) break;
    if (end > shift + place->begin && begin < shift + place->end) tokens.emplace_back(token);
    begin = end;
  }
  return tokens;
}

FittedCase CaseMaker::fitted(EvalCase content) const {
  PromptText text = prompt_text_of(content, chat_);
  Prompt prompt = prompt_of(text, tokenizer_);
  std::vector<OriginalPosition> answer_tokens = answer_tokens_of(content, text, prompt.ends);
  return {std::move(content), std::move(text), std::move(prompt), std::move(answer_tokens)};
}

FittedCase CaseMaker::make(const EvalTask& task, CaseShape shape, std::int32_t max_new_tokens) const {
  const auto tokens_of = [&](std::size_t amount) {
    shape.amount = amount;
    return prompt_of(prompt_text_of(task.make(shape), chat_), tokenizer_).ids.size();
  };
  const std::size_t empty = tokens_of(0);
  if (static_cast<std::int64_t>(empty) + max_new_tokens > shape.length) {
    throw UsageError({"--lengths",
                      fmt::format("{} tokens are too few for {}: without any text its prompt has {}, and its answer "
                                  "may have {}",
                                  shape.length, task.name, empty, max_new_tokens),
                      "give longer ones, or leave the task out"});
  }
  shape.amount = largest_amount(empty, static_cast<std::size_t>(shape.length - max_new_tokens), tokens_of);
  return fitted(task.make(shape));
}

}  // namespace gemring

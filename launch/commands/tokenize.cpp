#include <fmt/format.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "launch/commands/commands.h"
#include "launch/output/json_line_text.h"
#include "launch/prompts/json_lines.h"
#include "launch/prompts/model.h"
#include "launch/prompts/prompt.h"

namespace gemring {

namespace {

/// A vocabulary may have holes.
void require_token(const Tokenizer& tokenizer, TokenId id) {
  if (tokenizer.exists(id)) return;
  throw UsageError(
      {"token ids", fmt::format("{} is no token of this vocabulary", id.value()), "use ids of this model's tokenizer"});
}

}  // namespace

int run_tokenize(const Job& job, const Options& options) {
  agreed_on_first(job, [&] {
    const Tokenizer tokenizer = Tokenizer::load(options.model_directory);
    // A post-processor adds its tokens to any text, also to one that says them itself; a prompt would have them once.
    std::vector<TokenId> added;
    if (options.tokenize.special) added = tokenizer.encode("").ids;
    answer_lines(STDIN_FILENO, stdout, [&](std::string_view line) {
      std::vector<TokenId> ids = added;
      const Encoding encoding = tokenizer.encode(text_of_line(line), {.add_bos = false});
      ids.insert(ids.end(), encoding.ids.begin(), encoding.ids.end());
      return json_ids(ids);
    });
  });
  return 0;
}

int run_detokenize(const Job& job, const Options& options) {
  agreed_on_first(job, [&] {
    const Tokenizer tokenizer = Tokenizer::load(options.model_directory);
    const auto vocabulary = static_cast<std::int32_t>(tokenizer.size());
    answer_lines(STDIN_FILENO, stdout, [&](std::string_view line) {
      const std::vector<TokenId> ids = ids_of_json(std::string(line), "token ids", vocabulary);
      for (const TokenId id : ids) require_token(tokenizer, id);
      return "{\"text\": " + json_line_text(tokenizer.decode(ids, /*keep_special=*/true)) + "}";
    });
  });
  return 0;
}

}  // namespace gemring

#include "engine/text/tokenizer/end_tokens.h"

#include <algorithm>
#include <array>
#include <set>

namespace gemring {

namespace {

constexpr std::array<std::string_view, 22> kEnds = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
    "[e~[",
};

constexpr std::array<std::string_view, 5> kFimPads = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"};
constexpr std::array<std::string_view, 5> kFimRepositories = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>",
                                                              "<reponame>"};
constexpr std::array<std::string_view, 1> kFimSeparators = {"<|file_sep|>"};

bool contains(const auto& texts, std::string_view text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

std::optional<TokenId> lowest(const auto& texts, const FindToken& find) {
  std::optional<TokenId> found;
  for (const std::string_view text : texts) {
    const auto id = find(text);
    if (id && (!found || *id < *found)) found = id;
  }
  return found;
}

}  // namespace

std::vector<TokenId> gather_end_tokens(const StatedEndTokens& stated, const FindToken& find) {
  std::set<TokenId> ends;
  const auto add = [&](std::optional<TokenId> id) {
    if (id) ends.insert(*id);
  };
  add(stated.fim_pad ? stated.fim_pad : lowest(kFimPads, find));
  add(stated.fim_repository ? stated.fim_repository : lowest(kFimRepositories, find));
  add(stated.fim_separator ? stated.fim_separator : lowest(kFimSeparators, find));
  for (const std::string_view text : kEnds) add(find(text));
  add(stated.end_of_text);
  add(stated.end_of_turn);
  add(stated.end_of_message);

  const auto ends_with = [&](std::string_view text) {
    const auto id = find(text);
    return id && ends.contains(*id);
  };
  const auto remove = [&](std::string_view text) {
    if (const auto id = find(text)) ends.erase(*id);
  };
  const bool calls = ends_with("<|call|>") || ends_with("<|calls|>");
  if (calls && (ends_with("<|return|>") || ends_with("<|flush|>"))) remove("<|end|>");
  if (ends_with("<|tool_response>")) remove("</s>");
  return {ends.begin(), ends.end()};
}

bool is_end_token_text(std::string_view text) {
  constexpr std::string_view kFirstBytes = "<[_";  // of all of them: a vocabulary has 200,000 others
  if (text.empty() || kFirstBytes.find(text.front()) == std::string_view::npos) return false;
  return contains(kEnds, text) || contains(kFimPads, text) || contains(kFimRepositories, text) ||
         contains(kFimSeparators, text);
}

}  // namespace gemring

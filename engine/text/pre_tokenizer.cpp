#include "engine/text/pre_tokenizer.h"

#include "engine/text/utf8.h"

namespace gemring {

PreTokenizer::PreTokenizer(const std::vector<SplitStage>& stages) {
  for (const SplitStage& stage : stages) {
    CompiledStage compiled{std::nullopt, stage.add_prefix_space};
    if (!stage.pattern.empty()) compiled.regex.emplace(stage.pattern);
    stages_.push_back(std::move(compiled));
  }
}

PreTokenizer::Scratch::Scratch(const PreTokenizer& pre_tokenizer) : prefixed_(pre_tokenizer.stages_.size()) {
  for (const CompiledStage& stage : pre_tokenizer.stages_) {
    matchers_.emplace_back();
    if (stage.regex) matchers_.back().emplace(*stage.regex);
  }
}

void PreTokenizer::split(std::string_view piece, std::size_t begin, Scratch& scratch, const Sink& sink) const {
  run_stage(0, Word{piece, static_cast<std::ptrdiff_t>(begin)}, scratch, sink);
}

void PreTokenizer::run_stage(std::size_t stage, Word piece, Scratch& scratch, const Sink& sink) const {
  if (piece.bytes.empty()) return;
  if (stage == stages_.size()) return sink(piece);
  if (stages_[stage].add_prefix_space && piece.bytes.front() != ' ') {
    std::string& prefixed = scratch.prefixed_[stage];
    prefixed.assign(1, ' ').append(piece.bytes);
    piece = {prefixed, piece.begin - 1};
  }
  std::optional<Matcher>& matcher = scratch.matchers_[stage];
  if (!matcher) return run_stage(stage + 1, piece, scratch, sink);

  const std::string_view text = piece.bytes;
  const auto pass_on = [&](std::size_t begin, std::size_t end) {
    run_stage(stage + 1, {text.substr(begin, end - begin), piece.begin + static_cast<std::ptrdiff_t>(begin)}, scratch,
              sink);
  };
  std::size_t done = 0, from = 0;
  while (from < text.size()) {
    const std::optional<Match> match = matcher->find(text, from);
    if (!match) break;
    if (match->end == match->begin) {  // an empty match cuts nothing off
      if (match->begin == text.size()) break;
      from = match->begin + utf8_sequence(text.substr(match->begin)).length;
      continue;
    }
    pass_on(done, match->begin);
    pass_on(match->begin, match->end);
    done = from = match->end;
  }
  pass_on(done, text.size());
}

}  // namespace gemring

#include "engine/text/unicode/pre_tokenizer.h"

#include <algorithm>

namespace gemring {

PreTokenizer::PreTokenizer(const std::vector<PreTokenizerStage>& stages) {
  for (const PreTokenizerStage& stage : stages) {
    CompiledStage compiled{stage, std::nullopt};
    if (!stage.pattern.empty()) compiled.regex.emplace(stage.pattern);
    stages_.push_back(std::move(compiled));
  }
}

PreTokenizer::Scratch::Scratch(const PreTokenizer& pre_tokenizer) : stages_(pre_tokenizer.stages_.size()) {
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (const auto& regex = pre_tokenizer.stages_[i].regex) stages_[i].matcher.emplace(*regex);
  }
}

void PreTokenizer::split(const TextPart& part, Scratch& scratch, const Sink& sink) const {
  run_stage(0, part, scratch, sink);
}

TextPart PreTokenizer::change_spaces(const PreTokenizerStage& stage, const TextPart& piece, MappedText& out) {
  using Prefix = PreTokenizerStage::Prefix;
  const std::string_view space = stage.space.empty() ? " " : std::string_view(stage.space);
  const bool begins_with_space = piece.bytes.starts_with(' ') || piece.bytes.starts_with(space);
  const bool wants_prefix = stage.prefix == Prefix::always || (stage.prefix == Prefix::first && piece.end_of(0) == 0);
  const bool prefixed = wants_prefix && !begins_with_space;
  const bool replaced = !stage.space.empty() && piece.bytes.find(' ') != std::string_view::npos;
  if (!prefixed && !replaced) return piece;

  out.start(piece);
  if (prefixed) out.put(space, piece.end_of(0));
  std::size_t done = 0;
  while (replaced) {
    const std::size_t at = piece.bytes.find(' ', done);
    if (at == std::string_view::npos) break;
    out.keep(piece, done, at);
    out.put(space, piece.end_of(at + 1));
    done = at + 1;
  }
  out.keep(piece, done, piece.bytes.size());
  return out.view();
}

void PreTokenizer::find_segments(std::string_view text, bool invert, Scratch::Stage& scratch) {
  std::size_t done = 0;
  scratch.segments.clear();
  scratch.matcher->for_each(text, [&](Match match) {
    if (done < match.begin) scratch.segments.push_back({{done, match.begin}, invert});
    scratch.segments.push_back({match, !invert});
    done = match.end;
  });
  if (done < text.size()) scratch.segments.push_back({{done, text.size()}, invert});
}

// The folds of NormalizedString::split in Hugging Face tokenizers, in place. What is left is all to be kept.
void PreTokenizer::merge_segments(SplitBehavior behavior, std::vector<Scratch::Segment>& segments) {
  if (behavior == SplitBehavior::isolated) return;
  if (behavior == SplitBehavior::removed) {
    std::erase_if(segments, [](const Scratch::Segment& segment) { return segment.is_match; });
    return;
  }
  const bool backwards = behavior == SplitBehavior::merged_with_next;
  if (backwards) std::reverse(segments.begin(), segments.end());
  std::size_t count = 0;
  bool previous_match = false;
  for (const Scratch::Segment segment : segments) {
    const bool merges = behavior == SplitBehavior::contiguous ? segment.is_match == previous_match
                                                              : segment.is_match && !previous_match;
    previous_match = segment.is_match;
    if (!merges || count == 0) {
      segments[count++] = segment;
    } else if (backwards) {
      segments[count - 1].place.begin = segment.place.begin;
    } else {
      segments[count - 1].place.end = segment.place.end;
    }
  }
  segments.resize(count);
  if (backwards) std::reverse(segments.begin(), segments.end());
}

void PreTokenizer::run_stage(std::size_t stage, TextPart piece, Scratch& scratch, const Sink& sink) const {
  if (piece.bytes.empty()) return;
  if (stage == stages_.size()) return sink(piece);
  const PreTokenizerStage& what = stages_[stage].what;
  Scratch::Stage& own = scratch.stages_[stage];
  piece = change_spaces(what, piece, own.text);
  if (!own.matcher) return run_stage(stage + 1, piece, scratch, sink);

  if (what.behavior == SplitBehavior::isolated) {  // most splits: no list of segments is needed
    std::size_t done = 0;
    own.matcher->for_each(piece.bytes, [&](Match match) {
      run_stage(stage + 1, piece.part(done, match.begin), scratch, sink);
      run_stage(stage + 1, piece.part(match.begin, match.end), scratch, sink);
      done = match.end;
    });
    return run_stage(stage + 1, piece.part(done, piece.bytes.size()), scratch, sink);
  }
  find_segments(piece.bytes, what.invert, own);
  merge_segments(what.behavior, own.segments);
  for (const Scratch::Segment& segment : own.segments) {
    run_stage(stage + 1, piece.part(segment.place.begin, segment.place.end), scratch, sink);
  }
}

}  // namespace gemring

#include "engine/text/unicode/normalizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/error.h"
#include "engine/text/unicode/nfc.h"

namespace gemring {

namespace {

// Published normalisers make a text three times as long at most (a space becomes U+2581; NFC). A Replace of a letter by
// two, some thirty times, would fill any memory.
constexpr std::size_t kMostGrowth = 16;
constexpr std::size_t kFreeBytes = 4096;

// Offsets inside a text have 31 bits.
std::size_t longest_result(const TextPart& part) {
  return std::min(kMostGrowth * part.bytes.size() + kFreeBytes, (std::size_t{1} << 31) - 1);
}

void check_size(const MappedText& out, std::size_t longest) {
  if (out.size() <= longest) return;
  throw UsageError({"prompt",
                    fmt::format("the tokenizer's normalizer makes more than {} bytes of a part of it", longest),
                    "use another prompt, or another tokenizer"});
}

bool prepend(std::string_view content, const TextPart& part, MappedText& out) {
  if (part.bytes.empty()) return false;
  out.start(part);
  out.put(content, part.end_of(0));
  out.keep(part, 0, part.bytes.size());
  return true;
}

// `find(found)` calls `found` with each match, front to back.
template <class Find>
bool replace(const TextPart& part, std::string_view content, std::size_t longest, MappedText& out, const Find& find) {
  std::size_t done = 0;
  bool changed = false;
  find([&](Match match) {
    if (!changed) out.start(part);
    changed = true;
    out.keep(part, done, match.begin);
    out.put(content, part.end_of(match.end));
    check_size(out, longest);
    done = match.end;
  });
  if (!changed) return false;
  out.keep(part, done, part.bytes.size());
  return true;
}

}  // namespace

Normalizer::Normalizer(const std::vector<NormalizerStep>& steps) {
  for (const NormalizerStep& step : steps) {
    Step compiled{step, std::nullopt};
    if (step.kind == NormalizerStep::Kind::replace) {
      if (step.pattern.empty()) throw ConfigError({"normalizer Replace", "the pattern is empty", ""});
      if (step.pattern_is_regex) compiled.regex.emplace(step.pattern);
    }
    steps_.push_back(std::move(compiled));
  }
}

Normalizer::Scratch::Scratch(const Normalizer& normalizer) {
  for (const Step& step : normalizer.steps_) {
    matchers_.emplace_back();
    if (step.regex) matchers_.back().emplace(*step.regex);
  }
}

bool Normalizer::run(const Step& step, const TextPart& part, std::size_t longest, std::optional<Matcher>& matcher,
                     MappedText& out) {
  switch (step.what.kind) {
    case NormalizerStep::Kind::nfc:
      return compose(part, out);
    case NormalizerStep::Kind::prepend:
      return prepend(step.what.content, part, out);
    case NormalizerStep::Kind::replace:
      break;
  }
  if (matcher) {
    return replace(part, step.what.content, longest, out,
                   [&](const auto& found) { matcher->for_each(part.bytes, found); });
  }
  const std::string& pattern = step.what.pattern;
  return replace(part, step.what.content, longest, out, [&](const auto& found) {
    for (std::size_t at = 0; (at = part.bytes.find(pattern, at)) != std::string_view::npos; at += pattern.size()) {
      found(Match{at, at + pattern.size()});
    }
  });
}

TextPart Normalizer::normalize(TextPart part, Scratch& scratch) const {
  const std::size_t longest = longest_result(part);
  std::size_t next = 0;  // the buffer that `part` does not lie in
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    MappedText& out = scratch.texts_[next];
    if (!run(steps_[i], part, longest, scratch.matchers_[i], out)) continue;
    check_size(out, longest);
    part = out.view();
    next = 1 - next;
  }
  return part;
}

}  // namespace gemring

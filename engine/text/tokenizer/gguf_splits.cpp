#include "engine/text/tokenizer/gguf_splits.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "engine/base/error.h"

namespace gemring {

namespace {

constexpr std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekkenPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kGpt4oPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
    R"(\s+(?!\S)|\s+)";
constexpr std::string_view kDeepSeek3Pattern =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
// Letters of the scripts that have upper and lower case.
constexpr std::string_view kDeepSeekLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼ)"
    R"(ℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kDeepSeekPunctuation = R"(\s?[!-/:-~！-／：-～‘-‟\x{3000}-。]+)";
constexpr std::string_view kDeepSeekIdeographs = R"([一-龥ࠀ-一가-퟿]+)";
constexpr std::string_view kIdeographsAndKana = R"([一-龥぀-ゟ゠-ヿ]+)";
constexpr std::string_view kUpToThreeDigits = R"(\p{N}{1,3})";

GgufSplit gpt2() {
  return {{kGpt2Pattern}};
}
GgufSplit digits_and_gpt2() {
  return {{kEachDigitPattern, kGpt2Pattern}};
}
GgufSplit digits_and_gpt2_nfc() {
  return {{kEachDigitPattern, kGpt2Pattern}, true};
}
GgufSplit llama3() {
  return {{kLlama3Pattern}, false, true, true};
}
GgufSplit llama3_merging() {
  return {{kLlama3Pattern}};
}
GgufSplit qwen2() {
  return {{kQwen2Pattern}, true};
}
GgufSplit qwen2_as_given() {
  return {{kQwen2Pattern}};
}
GgufSplit qwen35() {
  return {{kQwen35Pattern}, true};
}
GgufSplit tekken() {
  return {{kTekkenPattern}, false, true, true};
}
GgufSplit gpt4o() {
  return {{kGpt4oPattern}};
}
GgufSplit deepseek_llm() {
  return {{R"([\r\n])", kDeepSeekLetters, kDeepSeekPunctuation, R"(\s+$)", kDeepSeekIdeographs, kDigitRunPattern}};
}
GgufSplit deepseek_coder() {
  return {{R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepSeekIdeographs, kEachDigitPattern}};
}
GgufSplit deepseek3() {
  return {{kUpToThreeDigits, kIdeographsAndKana, kDeepSeek3Pattern}};
}
GgufSplit falcon() {
  return {{R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Pattern, R"([0-9][0-9][0-9])"}};
}
// What llama.cpp does for files that name no split: files from before it asked for one.
GgufSplit unnamed() {
  return {{R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, kDigitRunPattern, R"([0-9][0-9][0-9])"}};
}

struct Named {
  std::string_view name;
  GgufSplit (*split)();
};

constexpr std::array kKnown{
    Named{"default", unnamed},
    Named{"gpt-2", gpt2},
    Named{"phi-2", gpt2},
    Named{"olmo", gpt2},
    Named{"mpt", gpt2},
    Named{"jais", gpt2},
    Named{"trillion", gpt2},
    Named{"granite-docling", gpt2},
    Named{"exaone4", gpt2},
    Named{"gigachat", gpt2},
    Named{"a.x-4.0", gpt2},
    Named{"mellum", gpt2},
    Named{"starcoder", digits_and_gpt2},
    Named{"refact", digits_and_gpt2},
    Named{"smollm", digits_and_gpt2},
    Named{"codeshell", digits_and_gpt2},
    Named{"exaone", digits_and_gpt2},
    Named{"minerva-7b", digits_and_gpt2},
    Named{"command-r", digits_and_gpt2_nfc},
    Named{"llama3", llama3},
    Named{"llama-v3", llama3},
    Named{"llama-bpe", llama3},
    Named{"falcon3", llama3},
    Named{"falcon-h1", llama3},
    Named{"pixtral", llama3},
    Named{"midm-2.0", llama3},
    Named{"lfm2", llama3},
    Named{"dbrx", llama3_merging},
    Named{"smaug-bpe", llama3_merging},
    Named{"chatglm-bpe", llama3_merging},
    Named{"glm4", llama3_merging},
    Named{"qwen2", qwen2},
    Named{"deepseek-r1-qwen", qwen2},
    Named{"megrez", qwen2},
    Named{"stablelm2", qwen2_as_given},
    Named{"hunyuan", qwen2_as_given},
    Named{"qwen35", qwen35},
    Named{"tekken", tekken},
    Named{"gpt-4o", gpt4o},
    Named{"llama4", gpt4o},
    Named{"kanana2", gpt4o},
    Named{"deepseek-llm", deepseek_llm},
    Named{"deepseek-coder", deepseek_coder},
    Named{"deepseek-v3", deepseek3},
    Named{"hunyuan-dense", deepseek3},
    Named{"falcon", falcon},
};

}  // namespace

GgufSplit gguf_split(std::string_view name, const std::string& where) {
  const auto found = std::find_if(kKnown.begin(), kKnown.end(), [&](const Named& known) { return known.name == name; });
  if (found != kKnown.end()) return found->split();
  std::vector<std::string_view> names;
  names.reserve(kKnown.size());
  for (const Named& known : kKnown) names.push_back(known.name);
  throw ConfigError({where, fmt::format("tokenizer.ggml.pre \"{}\" is not supported", name),
                     fmt::format("gemring knows {}", fmt::join(names, ", "))});
}

std::vector<PreTokenizerStage> split_stages(const GgufSplit& split) {
  std::vector<PreTokenizerStage> stages;
  for (const std::string_view pattern : split.patterns) {
    stages.emplace_back();
    stages.back().pattern = pattern;
  }
  return stages;
}

}  // namespace gemring

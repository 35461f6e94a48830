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
// Letters of the scripts that have upper and lower case. Code points as numbers: editors and tools that normalise text
// change some letters (U+2126, U+1F7D) into others.
constexpr std::string_view kDeepSeekLetters =
    R"(\s?[A-Za-z)"
    R"(\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293}\x{295}-\x{2AF})"
    R"(\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1})"
    R"(\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5})"
    R"(\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A})"
    R"(\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B})"
    R"(\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC})"
    R"(\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107})"
    R"(\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134})"
    R"(\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4})"
    R"(\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787})"
    R"(\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A})"
    R"(\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2})"
    R"(\x{118A0}-\x{118DF}\x{1E900}-\x{1E943})"
    R"(]+)";
constexpr std::string_view kDeepSeekPunctuation =
    R"(\s?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)";
constexpr std::string_view kDeepSeekIdeographs = R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)";
constexpr std::string_view kIdeographsAndKana = R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)";
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
  throw ConfigError({where, fmt::format("tokenizer.ggml.pre \"{}\" is not supported", name),
                     fmt::format("gemring knows {}", fmt::join(gguf_split_names(), ", "))});
}

std::vector<std::string_view> gguf_split_names() {
  std::vector<std::string_view> names;
  names.reserve(kKnown.size());
  for (const Named& known : kKnown) names.push_back(known.name);
  return names;
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

#include "engine/text/tokenizer/pipeline_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/base/error.h"
#include "engine/text/unicode/utf8.h"

namespace gemring {

namespace {

using Json = nlohmann::json;

void append_parts(const Json& part, const char* list, int depth, std::vector<Json>& out) {
  if (depth > 16) throw ConfigError({list, "a Sequence nested deeper than 16 is not supported", ""});
  if (type_of(part) != "Sequence") {
    constexpr std::size_t kMostParts = 64;  // published files have up to 5; each takes scratch and a level of recursion
    if (out.size() == kMostParts)
      throw ConfigError({list, fmt::format("more than {} are not supported", kMostParts), ""});
    return out.push_back(part);
  }
  for (const Json& inner : part.at(list)) append_parts(inner, list, depth + 1, out);
}

// {"String": ...} or {"Regex": ...}.
std::string pattern_of(const Json& part, const std::string& where, bool& is_regex) {
  const Json& pattern = part.at("pattern");
  is_regex = pattern.contains("Regex");
  auto text = pattern.at(is_regex ? "Regex" : "String").get<std::string>();
  if (text.empty()) refuse(where, fmt::format("{} with an empty pattern", type_of(part)));
  return text;
}

std::string one_character(const Json& part, const char* key, const std::string& where) {
  auto text = part.at(key).get<std::string>();
  if (text.empty() || utf8_sequence(text).length != text.size()) {
    throw ModelFileError({where, fmt::format("{}: {} \"{}\" is not one character", type_of(part), key, text), ""});
  }
  return text;
}

SplitBehavior behavior_of(const std::string& name, const std::string& where) {
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  refuse(where, fmt::format("split behavior {}", name));
}

PreTokenizerStage read_split(const Json& part, const std::string& where) {
  PreTokenizerStage stage;
  bool is_regex = false;
  const std::string pattern = pattern_of(part, where, is_regex);
  stage.pattern = is_regex ? pattern : quote_pattern(pattern);
  stage.behavior = behavior_of(part.at("behavior").get<std::string>(), where);
  stage.invert = part.value("invert", false);
  return stage;
}

PreTokenizerStage read_byte_level(const Json& part) {
  PreTokenizerStage stage;
  if (part.value("use_regex", true)) stage.pattern = kGpt2Pattern;
  if (part.at("add_prefix_space").get<bool>()) stage.prefix = PreTokenizerStage::Prefix::always;
  return stage;
}

// Old files say add_prefix_space where newer ones say prepend_scheme.
PreTokenizerStage::Prefix prefix_of(const Json& part, const std::string& where) {
  using Prefix = PreTokenizerStage::Prefix;
  const bool old = !part.contains("prepend_scheme");
  const std::string scheme =
      old ? (part.value("add_prefix_space", true) ? "always" : "never") : part["prepend_scheme"].get<std::string>();
  if (!old && !part.value("add_prefix_space", true) && scheme != "never") {
    throw ModelFileError({where, fmt::format("Metaspace: add_prefix_space false, but prepend_scheme {}", scheme), ""});
  }
  if (scheme == "always") return Prefix::always;
  if (scheme == "first") return Prefix::first;
  if (scheme == "never") return Prefix::never;
  refuse(where, fmt::format("Metaspace with prepend_scheme {}", scheme));
}

PreTokenizerStage read_metaspace(const Json& part, const std::string& where) {
  PreTokenizerStage stage;
  stage.space = one_character(part, "replacement", where);
  stage.prefix = prefix_of(part, where);
  if (part.value("split", true)) {
    stage.pattern = quote_pattern(stage.space);
    stage.behavior = SplitBehavior::merged_with_next;
  }
  return stage;
}

PreTokenizerStage simple_split(std::string_view pattern, SplitBehavior behavior, bool invert = false) {
  PreTokenizerStage stage;
  stage.pattern = pattern;
  stage.behavior = behavior;
  stage.invert = invert;
  return stage;
}

PreTokenizerStage read_stage(const Json& part, const std::string& where) {
  const std::string type = type_of(part);
  if (type == "Split") return read_split(part, where);
  if (type == "ByteLevel") return read_byte_level(part);
  if (type == "Metaspace") return read_metaspace(part, where);
  if (type == "Digits") {
    const bool each = part.value("individual_digits", false);
    return simple_split(each ? kEachDigitPattern : kDigitRunPattern, SplitBehavior::isolated);
  }
  if (type == "Punctuation") {  // the reference knows punctuation of older Unicode versions only
    return simple_split(R"([!-\/:-@\[-`{-~\p{P}])", behavior_of(part.value("behavior", "Isolated"), where));
  }
  if (type == "Whitespace") {
    return simple_split(fmt::format(R"([{0}]+|[^{0}\s]+)", kRustWordClass), SplitBehavior::removed, /*invert=*/true);
  }
  if (type == "WhitespaceSplit") return simple_split(R"(\s)", SplitBehavior::removed);
  refuse(where, fmt::format("pre_tokenizer {}", type));
}

}  // namespace

bool absent(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null();
}

std::string type_of(const Json& part) {
  return part.at("type").get<std::string>();
}

std::uint64_t natural_number(const Json& value, const std::string& where) {
  if (value.is_number_integer() && (value.is_number_unsigned() || value.get<std::int64_t>() >= 0))
    return value.get<std::uint64_t>();
  const std::string found = value.is_number() ? value.dump() : value.type_name();
  throw ModelFileError(
      {where, fmt::format("has {} where a whole number from 0 on should stand", found), "get it again"});
}

std::vector<Json> parts_of(const Json& root, const char* key, const char* list) {
  std::vector<Json> parts;
  if (!absent(root, key)) append_parts(root[key], list, 0, parts);
  return parts;
}

void read_normalizer(const Json& root, const std::string& where, TokenizerFile& file) {
  using Kind = NormalizerStep::Kind;
  for (const Json& part : parts_of(root, "normalizer", "normalizers")) {
    const std::string type = type_of(part);
    if (type == "NFC") {
      file.normalizer.push_back({Kind::nfc, "", "", false});
    } else if (type == "Prepend") {
      file.normalizer.push_back({Kind::prepend, part.at("prepend").get<std::string>(), "", false});
    } else if (type == "Replace") {
      NormalizerStep step{Kind::replace, part.at("content").get<std::string>(), "", false};
      step.pattern = pattern_of(part, where, step.pattern_is_regex);
      file.normalizer.push_back(std::move(step));
    } else {
      refuse(where, fmt::format("normalizer {}", type));
    }
  }
}

bool read_pre_tokenizer(const Json& root, const std::string& where, TokenizerFile& file) {
  bool byte_level = false;
  for (const Json& part : parts_of(root, "pre_tokenizer", "pretokenizers")) {
    if (byte_level) refuse(where, fmt::format("pre_tokenizer {} behind ByteLevel", type_of(part)));
    file.stages.push_back(read_stage(part, where));
    byte_level = type_of(part) == "ByteLevel";
  }
  return byte_level;
}

}  // namespace gemring

#include "launch/eval/methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/error.h"
#include "launch/options/option_value.h"

namespace gemring {
namespace {

void set_full(const std::string& /*argument*/, const ModelConfig& /*model*/, Options& options) {
  options.filter.method = Method::full;
}

void set_gemfilter(const std::string& argument, const ModelConfig& model, Options& options) {
  options.filter.method = Method::gemfilter;
  options.filter.filter_layer = model.rule_of_thumb_filter_layer().value();
  if (argument.empty()) return;
  const WholeRange layers = {.least = 0, .most = model.layer_count() - 1};
  options.filter.filter_layer = static_cast<std::int32_t>(read_whole(argument, layers, "--methods gemfilter"));
}

void set_profile(const std::string& argument, const ModelConfig& /*model*/, Options& options) {
  options.filter.method = Method::gemfilter;
  options.filter.filter_layer.reset();
  if (!argument.empty()) options.filter.filter_profile = argument;
}

/// Profiles and layers of the options are the answering model's.
void set_filter_model(const std::string& argument, const ModelConfig& /*model*/, Options& options) {
  options.filter.method = Method::gemfilter;
  options.filter.filter_layer.reset();
  options.filter.filter_profile.reset();
  options.filter.model = argument;
}

const std::array kKinds = {
    MethodKind{"full", "", false, "no filter, every token goes through every layer", set_full},
    MethodKind{"gemfilter", "LAYER", false, "GemFilter as published, by the rule of thumb's layer or this",
               set_gemfilter},
    MethodKind{"profile", "FILE", false, "the filter profile that generate takes, or this", set_profile},
    MethodKind{"filter-model", "MODEL", true, "another model filters, as its profile says", set_filter_model},
};

std::string names_of(std::span<const MethodKind> kinds) {
  std::string text;
  for (const MethodKind& kind : kinds) {
    text += (text.empty() ? "" : ", ") + std::string(kind.name);
    if (!kind.argument.empty())
      text += fmt::format("{}={}{}", kind.needs_argument ? "" : "[", kind.argument, kind.needs_argument ? "" : "]");
  }
  return text;
}

ChosenMethod method_of(const std::string& text, std::span<const MethodKind> kinds) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const std::string argument = equals == std::string::npos ? std::string() : text.substr(equals + 1);
  const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const MethodKind& one) { return one.name == name; });
  const auto refuse = [&](const std::string& problem) {
    throw UsageError({"--methods", problem, fmt::format("methods are {}", names_of(kinds))});
  };
  if (kind == kinds.end()) refuse(fmt::format("'{}' is no method", name));
  if (equals != std::string::npos && kind->argument.empty()) refuse(fmt::format("{} takes no argument", name));
  if (equals != std::string::npos && argument.empty()) refuse(fmt::format("{}= has nothing behind it", name));
  if (kind->needs_argument && argument.empty()) refuse(fmt::format("{} wants {}={}", name, name, kind->argument));
  return {text, argument, &*kind};
}

}  // namespace

std::span<const MethodKind> method_kinds() {
  return kKinds;
}

Options ChosenMethod::options(const Options& options, const ModelConfig& model) const {
  Options changed = options;
  kind->apply(argument, model, changed);
  return changed;
}

std::vector<ChosenMethod> parse_methods(const std::string& list, std::span<const MethodKind> kinds) {
  std::vector<ChosenMethod> methods;
  for (const std::string& text : split_list(list)) {
    ChosenMethod method = method_of(text, kinds);
    const bool again = std::any_of(methods.begin(), methods.end(),
                                   [&](const ChosenMethod& other) { return other.name == method.name; });
    if (again) throw UsageError({"--methods", fmt::format("{} is named twice", method.name), "name it once"});
    methods.push_back(std::move(method));
  }
  return methods;
}

}  // namespace gemring

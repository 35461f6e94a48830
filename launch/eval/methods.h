// Ways of answering that are compared, by name. A method is what it changes of the options; whoever adds one describes
// it in method_kinds() and nowhere else.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/config.h"
#include "launch/options/options.h"

namespace gemring {

struct MethodKind {
  std::string_view name;
  std::string_view argument;  // what stands behind "=": "FILE"; empty: it takes none
  bool needs_argument = false;
  std::string_view meaning;
  /// Throws UsageError: an argument that is none. `argument` is empty where none is given.
  std::function<void(const std::string& argument, const ModelConfig& model, Options& options)> apply;
};

std::span<const MethodKind> method_kinds();

/// A method as it was named: "profile", "gemfilter=13".
struct ChosenMethod {
  std::string name;
  std::string argument;
  const MethodKind* kind = nullptr;

  /// `options` as this method wants them.
  Options options(const Options& options, const ModelConfig& model) const;
};

/// Of a list with commas. Throws UsageError: a name that is none of `kinds`, an argument too many or too few, a method
/// that is named twice.
std::vector<ChosenMethod> parse_methods(const std::string& list, std::span<const MethodKind> kinds = method_kinds());

}  // namespace gemring

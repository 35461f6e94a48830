#include "engine/model/family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

namespace gemring {
namespace {

const Family* find_by(std::string_view Family::*field, std::string_view value) {
  const auto* const found = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                         [&](const Family& family) { return family.*field == value; });
  return found == std::end(kFamilies) ? nullptr : found;
}

std::string list_of(std::string_view Family::*field) {
  std::vector<std::string_view> names;
  for (const Family& family : kFamilies) {
    if (std::find(names.begin(), names.end(), family.*field) == names.end()) names.push_back(family.*field);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

const Family* find_family(std::string_view model_type) {
  return find_by(&Family::model_type, model_type);
}

const Family* find_gguf_family(std::string_view architecture) {
  return find_by(&Family::gguf_architecture, architecture);
}

std::string known_families() {
  return list_of(&Family::model_type);
}

std::string known_gguf_architectures() {
  return list_of(&Family::gguf_architecture);
}

}  // namespace gemring

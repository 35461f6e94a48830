#include "launch/requests/shared_prompt.h"

namespace gemring {
namespace {

/// The option that gives a prompt.
std::optional<OptionSetting> source_of(const PromptOptions& prompt) {
  Options options;
  options.prompt = prompt;
  for (const OptionDescription& option : option_table()) {
    if (option.one_of != kOneOfPrompts || !option.belongs_to(Command::generate)) continue;
    for (const std::string& text : option.value.texts(options)) return OptionSetting{option.name, text};
  }
  return std::nullopt;
}

}  // namespace

SharedPrompt::SharedPrompt(const PromptOptions& given) : given_(source_of(given)) {}

void SharedPrompt::look_at(const PromptOptions& line) {
  any_line_ = true;
  const std::optional<OptionSetting> source = source_of(line);
  if (given_ && source && source->name == given_->name && source->text == given_->text) used_ = true;
}

std::optional<std::string> SharedPrompt::unused() const {
  if (!given_ || !any_line_ || used_) return std::nullopt;
  return given_->name;
}

}  // namespace gemring

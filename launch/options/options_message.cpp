#include "launch/options/options_message.h"

#include "engine/base/check.h"

namespace gemring {

OptionsMessage to_message(const OptionTable& table, const Options& options) {
  OptionsMessage message;
  message.command = static_cast<std::int32_t>(options.command);
  for (std::size_t row = 0; row < table.size(); ++row) {
    std::vector<std::string> texts = table[row].value.texts(options);
    if (texts == default_texts(table[row])) continue;
    message.rows.push_back(static_cast<std::int32_t>(row));
    message.texts.push_back(std::move(texts));
  }
  return message;
}

Options from_message(const OptionTable& table, const OptionsMessage& message) {
  GEMRING_CHECK(message.rows.size() == message.texts.size(), "{} rows, {} texts", message.rows.size(),
                message.texts.size());
  Options options;
  options.command = static_cast<Command>(message.command);
  for (std::size_t i = 0; i < message.rows.size(); ++i) {
    const OptionDescription& option = table.at(static_cast<std::size_t>(message.rows[i]));
    option.value.read(options, message.texts[i], option.name);
  }
  return options;
}

}  // namespace gemring

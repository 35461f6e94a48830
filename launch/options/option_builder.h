// CLI11 as command_line.cpp uses it: how an option is added and how help looks.
#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "launch/options/environment.h"

namespace gemring {

/// `  --keep K` and `  --pool N (default 5)`: CLI11's own form puts the environment variable into every line.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(32); }
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text;
    if (option->get_type_size() != 0) text = " " + option->get_type_name();
    if (!option->get_default_str().empty()) text += fmt::format(" ({})", option->get_default_str());
    return text;
  }
  std::string make_group(std::string group, bool is_positional, std::vector<const CLI::Option*> opts) const override {
    return CLI::Formatter::make_group(group, is_positional, std::move(opts)).substr(is_positional ? 0 : 1);
  }
};

template <class Value>
using Choices = std::vector<std::pair<std::string, Value>>;

template <class Value>
std::string names(const Choices<Value>& choices) {
  std::string text;
  for (const auto& [name, value] : choices) text += (text.empty() ? "" : "|") + name;
  return text;
}

/// Adds options to a CLI11 app, each with its environment variable.
class Builder {
 public:
  explicit Builder(CLI::App& app) : app_(app) {}

  void group(std::string name) { group_ = std::move(name); }
  void use_environment(bool use) { use_environment_ = use; }

  /// A value whose default is in `target`.
  template <class Value>
  void value(const std::string& option, Value& target, const std::string& type, const std::string& description) {
    finish(app_.add_option(option, target, description)->capture_default_str()->type_name(type), option);
  }

  /// A value that may stay unset; `description` says what then happens.
  template <class Value>
  CLI::Option* optional(const std::string& option, std::optional<Value>& target, const std::string& type,
                        const std::string& description) {
    return finish(app_.add_option_function<Value>(
                          option, [&target](const Value& value) { target = value; }, description)
                      ->type_name(type),
                  option);
  }

  /// Given any number of times, each with one value.
  void list(const std::string& option, std::vector<std::string>& target, const std::string& type,
            const std::string& description) {
    finish(app_.add_option(option, target, description)->type_name(type)->allow_extra_args(false), option);
  }

  template <class Value>
  CLI::Option* choice(const std::string& option, Value& target, const Choices<Value>& choices,
                      const std::string& description) {
    const auto assign = [&target, choices, option](const std::string& text) {
      for (const auto& [name, value] : choices) {
        if (name == text) return void(target = value);
      }
      throw UsageError({option, fmt::format("'{}' is none of {}", text, names(choices)), ""});
    };
    CLI::Option* const added = app_.add_option_function<std::string>(option, assign, description);
    for (const auto& [name, value] : choices) {
      if (value == target) added->default_str(name);
    }
    return finish(added->type_name(names(choices)), option);
  }

  void flag(const std::string& option, bool& target, const std::string& description) {
    finish(app_.add_flag(option, target, description), option);
  }

 private:
  CLI::Option* finish(CLI::Option* added, const std::string& option) {
    added->group(group_);
    if (use_environment_ && option.starts_with("--")) added->envname(option_variable(option));
    return added;
  }

  CLI::App& app_;
  std::string group_ = "Options";
  bool use_environment_ = true;
};

}  // namespace gemring

// Texts that users give: read, and looked at before anything is made of them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "launch/options/option.h"

namespace gemring {

/// The file's bytes; "-": standard input. `option` names it in the UsageError where it cannot be read
/// or is a directory.
std::string read_given_text(const std::string& path, const char* option);

/// All of standard input. Where that is a terminal, says that it is read.
std::string read_standard_input();

/// Who hears a warning.
using Warn = std::function<void(std::string warning)>;
void warn_in_log(const std::string& warning);

/// `text` as valid UTF-8. `where` is what the user gave: an option, with its file ("--prompt-file book.txt"), or
/// standard input. Refuses what is no UTF-8 and names the line (UsageError), or puts U+FFFD in its place and warns.
/// Warns of a byte order mark at the beginning and of zero bytes, which a model reads like any other token.
std::string checked_text(std::string text, std::string_view where, InvalidUtf8 invalid, const Warn& warn = warn_in_log);

/// `text` with U+FFFD in place of what is no UTF-8, of which it warns.
std::string replaced_utf8(const std::string& text, std::string_view where, const Warn& warn);

/// What checked_text() does, with the texts themselves that the command line gives: --prompt, --question, --system,
/// --answer-prefix, --stop. Files are looked at when they are read.
void check_texts(const OptionTable& table, Options& options);

/// Of one of them, which errors and warnings call `where`. Nothing where the value of `option` is no such text.
void check_texts(const OptionDescription& option, const std::string& where, Options& options, const Warn& warn);

}  // namespace gemring

// Texts that users give: read, and looked at before anything is made of them.
#pragma once

#include <string>
#include <string_view>

#include "launch/options/options.h"

namespace gemring {

/// The file's bytes; "-": standard input. `option` names it in the UsageError where it cannot be read
/// or is a directory.
std::string read_given_text(const std::string& path, const char* option);

/// All of standard input. Where that is a terminal, says that it is read.
std::string read_standard_input();

/// `text` as valid UTF-8. `where` is what the user gave: an option, with its file ("--prompt-file book.txt"), or
/// standard input. Refuses what is no UTF-8 and names the line (UsageError), or puts U+FFFD in its place and warns.
/// Warns of a byte order mark at the beginning and of zero bytes, which a model reads like any other token.
std::string checked_text(std::string text, std::string_view where, InvalidUtf8 invalid);

}  // namespace gemring

// Commands that answer standard input line by line: JSON in, JSON out.
#pragma once

#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/types.h"

namespace gemring {

/// For each line of `input` (a file descriptor) that is not blank, writes what `answer` makes of it and a line end to
/// `output`. Holds one line at a time. Answers are flushed before it waits for more input, so that a program at the
/// other end of two pipes may ask one by one. An Error that `answer` throws names the line ("line 3: ..."); the answers
/// to the lines before it are out by then. Throws UsageError (input that cannot be read, a line of more than a GiB) and
/// ResourceError (output that cannot be written).
void answer_lines(int input, std::FILE* output, const std::function<std::string(std::string_view line)>& answer);

/// "[3,0,9]".
std::string json_ids(std::span<const TokenId> ids);

/// What the line says as "text". Throws UsageError where it is no object with that key or the value is no text.
std::string text_of_line(std::string_view line);

}  // namespace gemring

// Files that are read whole.
#pragma once

#include <string>

namespace gemring {

/// All bytes up to the end. Throws std::system_error with the errno that says why not: EISDIR of a directory, which
/// can be opened.
std::string read_whole_file(const std::string& path);

/// The same of what is open: standard input, a pipe.
std::string read_whole_descriptor(int descriptor);

}  // namespace gemring

// Files the program writes: whole or not at all.
#pragma once

#include <string>

namespace gemring {

/// Throws UsageError where a file of this path cannot be made: asked before hours of work, not after.
void require_writable(const std::string& path, const char* option);

/// Writes `path`.part and renames it. Throws ResourceError (disk full, directory gone).
void write_atomically(const std::string& path, const std::string& contents);

}  // namespace gemring

// What a user names as a model and is none, but has one inside or beside it.
#pragma once

#include <string>

namespace gemring {

/// Throws ModelFileError unless `path` is a directory that can be looked into and that may be a checkpoint. Names what
/// to give instead of a file that is no GGUF file, of a folder of GGUF files, of a folder of the Hugging Face hub's
/// cache.
void require_model_directory(const std::string& path);

}  // namespace gemring

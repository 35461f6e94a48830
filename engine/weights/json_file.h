// Small JSON files of a model directory (indexes, configs), read whole.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/weights/json_text.h"

namespace gemring {

/// Parses a file whose top is an object. Throws ModelFileError naming the file and the byte where it is broken.
nlohmann::json read_json_object(const std::string& path, DuplicateKeys duplicates = DuplicateKeys::last_wins);

}  // namespace gemring

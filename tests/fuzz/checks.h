// What must hold of tensors, a tokenizer and a config, whatever file they were read from.
#pragma once

#include <string_view>

#include "engine/model/config.h"
#include "engine/text/tokenizer/tokenizer.h"
#include "engine/weights/tensor_source.h"
#include "tests/fuzz/scratch.h"

namespace gemring::fuzz {

/// Loads every tensor. Throws InternalError where they have more bytes than the file.
void load_all(const TensorSource& source, std::size_t file_bytes, Attempts& attempt);

/// Encodes a text and decodes its tokens. Throws InternalError where a promise of tokenizer.h is broken.
void check_tokenizer(const Tokenizer& tokenizer, std::string_view text);

/// Works out what a config asks for. Throws InternalError likewise.
void check_config(const ModelConfig& config);

}  // namespace gemring::fuzz

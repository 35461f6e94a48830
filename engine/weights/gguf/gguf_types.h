// The tensor types of GGUF by number. Source: ggml.h (enum ggml_type), ggml-common.h (sizes of blocks).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/tensor/data_type.h"

namespace gemring {

struct GgufType {
  std::string_view name;           // as llama.cpp prints it, in capitals
  std::uint32_t elements = 1;      // of a block
  std::uint32_t bytes = 0;         // of a block
  std::optional<DataType> stored;  // nothing where gemring does not compute with it
};

/// Nothing for a number that ggml had not given out in 2025 (or has taken back).
std::optional<GgufType> gguf_type(std::uint32_t id);

/// "F32, F16, ..., Q6_K": what gemring computes with, for messages.
std::string_view computable_gguf_types();

}  // namespace gemring

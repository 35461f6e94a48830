// The safetensors format: u64 LE N | N bytes of JSON | data. Header only; the data stays in the file.
// Source: huggingface/safetensors, safetensors/src/tensor.rs; every check made there is made here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/data_type.h"
#include "engine/weights/file.h"

namespace gemring {

/// A tensor of any type that the format knows.
struct StoredTensor {
  std::string name;
  std::string type;                 // as the file spells it: "F32", "BF16", "I64", ...
  std::vector<std::int64_t> shape;  // outermost first
  std::uint64_t offset = 0;         // from the start of the file, in bytes; of no alignment that one could rely on
  std::uint64_t bytes = 0;
};

/// The type gemring computes with; nothing for I64, U8, F8_E4M3 and the like.
std::optional<DataType> computable_type(const StoredTensor& tensor);

/// A safetensors file, open, its header checked.
struct SafetensorsFile {
  std::shared_ptr<const InputFile> file;
  std::uint64_t header_hash = 0;                // of the header's bytes as they stand in the file
  std::vector<StoredTensor> tensors;            // in the order of the data, which has no holes
  std::map<std::string, std::string> metadata;  // __metadata__

  /// Throws ModelFileError where there is none of that name.
  const StoredTensor& at(std::string_view name) const;
};

/// Throws ModelFileError naming file, tensor and problem.
SafetensorsFile open_safetensors(const std::string& path);

/// One tensor's elements, copied: token ids and reference values of the golden data, results of `gemring logits`.
/// Throws ModelFileError where the tensor is missing or of another type.
std::vector<std::int64_t> read_i64_tensor(const SafetensorsFile& file, std::string_view name);
std::vector<float> read_f32_tensor(const SafetensorsFile& file, std::string_view name);

}  // namespace gemring

// Writes a safetensors file of f32 tensors as their rows come, for results such as `gemring logits`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/output_file.h"

namespace gemring {

/// As an OutputFile: whoever sees PATH sees all of it. Throws UsageError where PATH cannot be written, ResourceError
/// where the disk is full or fails.
class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;  // outermost first
  };

  SafetensorsWriter(std::string path, const std::vector<Tensor>& tensors);

  /// The next elements, row-major, the tensors one after the other in the order of the constructor.
  void append(std::span<const float> elements);

  /// Call once, after the last element.
  void finish();

 private:
  void write(const void* data, std::size_t bytes);

  std::string path_;
  OutputFile file_;
  std::uint64_t elements_left_ = 0;
};

}  // namespace gemring

// Writes a safetensors file of f32 tensors as their rows come, for results such as `gemring logits`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gemring {

/// The file is written as PATH.part and renamed when it is complete: whoever sees PATH sees all of it. Without finish()
/// the part is removed. Throws UsageError where PATH cannot be written, ResourceError where the disk is full or fails.
class SafetensorsWriter {
 public:
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;  // outermost first
  };

  SafetensorsWriter(std::string path, const std::vector<Tensor>& tensors);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter&) = delete;
  SafetensorsWriter& operator=(const SafetensorsWriter&) = delete;

  /// The next elements, row-major, the tensors one after the other in the order of the constructor.
  void append(std::span<const float> elements);

  /// Call once, after the last element.
  void finish();

 private:
  void write_all(const void* data, std::size_t bytes);
  [[noreturn]] void refuse(const char* what, int error) const;

  std::string path_;
  std::string part_;
  int descriptor_ = -1;
  std::uint64_t elements_left_ = 0;
};

}  // namespace gemring

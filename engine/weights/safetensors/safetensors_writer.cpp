#include "engine/weights/safetensors/safetensors_writer.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/check.h"

namespace gemring {
namespace {

std::uint64_t elements_of(const SafetensorsWriter::Tensor& tensor) {
  std::uint64_t elements = 1;
  for (const std::int64_t extent : tensor.shape) elements *= static_cast<std::uint64_t>(extent);
  return elements;
}

/// u64 length and the JSON, padded with spaces so that the data begins at a multiple of 8 bytes.
std::string header_of(const std::vector<SafetensorsWriter::Tensor>& tensors) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  std::uint64_t end = 0;
  for (const auto& tensor : tensors) {
    const std::uint64_t begin = std::exchange(end, end + elements_of(tensor) * sizeof(float));
    header[tensor.name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::uint64_t length = text.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(std::string path, const std::vector<Tensor>& tensors)
    : path_(std::move(path)), file_(path_) {
  for (const Tensor& tensor : tensors) elements_left_ += elements_of(tensor);
  const std::string header = header_of(tensors);
  write(header.data(), header.size());
}

void SafetensorsWriter::append(std::span<const float> elements) {
  GEMRING_CHECK(elements.size() <= elements_left_, "{} elements more, {} left in {}", elements.size(), elements_left_,
                path_);
  write(elements.data(), elements.size_bytes());
  elements_left_ -= elements.size();
}

void SafetensorsWriter::finish() {
  GEMRING_CHECK(elements_left_ == 0, "{}: {} elements are missing", path_, elements_left_);
  file_.commit();
}

void SafetensorsWriter::write(const void* data, std::size_t bytes) {
  file_.write({static_cast<const char*>(data), bytes});
  file_.require_good();
}

}  // namespace gemring

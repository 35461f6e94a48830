#include "engine/weights/tensor_source.h"

#include <algorithm>
#include <utility>

#include "engine/base/check.h"

namespace gemring {
namespace {

class PartOfTensor final : public TensorData {
 public:
  PartOfTensor(std::unique_ptr<TensorData> whole, std::size_t begin, std::size_t bytes)
      : whole_(std::move(whole)), part_(whole_->bytes().subspan(begin, bytes)) {}
  std::span<const std::byte> bytes() const override { return part_; }

 private:
  std::unique_ptr<TensorData> whole_;
  std::span<const std::byte> part_;
};

}  // namespace

const TensorInfo* TensorSource::find(std::string_view name) const {
  const auto& all = tensors();
  const auto place = std::lower_bound(
      all.begin(), all.end(), name, [](const TensorInfo& info, std::string_view wanted) { return info.name < wanted; });
  if (place != all.end() && place->name == name) return &*place;
  refuse_uncomputable(name);
  return nullptr;
}

std::unique_ptr<TensorData> TensorSource::load_rows(const TensorInfo& info, std::size_t first,
                                                    std::size_t count) const {
  const std::uint64_t row = bytes_of_row(info);
  return std::make_unique<PartOfTensor>(load(info), first * row, count * row);
}

std::uint64_t TensorSource::bytes_of_row(const TensorInfo& matrix) {
  GEMRING_CHECK(matrix.shape.size() == 2, "{} has {} dimensions", matrix.name, matrix.shape.size());
  return row_bytes(matrix.type, static_cast<std::size_t>(matrix.shape[1]));
}

}  // namespace gemring

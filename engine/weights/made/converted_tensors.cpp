#include "engine/weights/made/converted_tensors.h"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/format.h"
#include "engine/base/hash.h"
#include "engine/kernels/kernel_table.h"
#include "engine/kernels/linear/row_split.h"
#include "engine/kernels/quantise.h"
#include "engine/tensor/buffer.h"
#include "engine/weights/finite.h"

namespace gemring {
namespace {

class OwnedTensor final : public TensorData {
 public:
  explicit OwnedTensor(std::size_t bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes() const override { return bytes_.span(); }
  std::byte* data() { return bytes_.data(); }

 private:
  Buffer<std::byte> bytes_;
};

/// One row of `cols` elements; `widened`: cols floats of scratch.
void convert_row(const KernelTable& table, DataType from, const std::byte* in, DataType to, std::byte* out,
                 std::size_t cols, float* widened) {
  if (to == DataType::f32) return table.widen(from, in, reinterpret_cast<float*>(out), cols);
  const float* values = reinterpret_cast<const float*>(in);  // load() promises the alignment
  if (from != DataType::f32) {
    table.widen(from, in, widened, cols);
    values = widened;
  }
  if (to == DataType::bf16)
    table.to_bf16(values, reinterpret_cast<std::uint16_t*>(out), cols);
  else
    quantise(values, to, out, cols);
}

constexpr std::size_t kPieceBytes = 1u << 20;  // of a matrix as stored, per thread at a time

/// Rows of a matrix, piece by piece.
void convert_rows(const TensorSource& source, const TensorInfo& stored, const TensorInfo& to, const RowRange& rows,
                  std::byte* out) {
  const KernelTable& table = kernels();
  const auto cols = static_cast<std::size_t>(to.shape[1]);
  const std::size_t stride = row_bytes(stored.type, cols);
  const std::size_t step = std::max<std::size_t>(kPieceBytes / std::max<std::size_t>(stride, 1), 1);
  std::vector<float> widened(cols);
  for (std::size_t first = rows.begin; first < rows.end; first += step) {
    const std::size_t count = std::min(step, rows.end - first);
    const auto piece = source.load_rows(stored, first, count);
    for (std::size_t row = 0; row < count; ++row) {
      convert_row(table, stored.type, piece->bytes().data() + row * stride, to.type,
                  out + (first + row) * row_bytes(to.type, cols), cols, widened.data());
    }
  }
}

/// Each thread makes the rows that it begins with in decode, so that they lie in the memory next to it, and holds only
/// a piece of what they are made from.
std::unique_ptr<TensorData> convert_matrix(const TensorSource& source, const TensorInfo& stored, const TensorInfo& to) {
  const auto rows = static_cast<std::size_t>(to.shape[0]);
  auto result = std::make_unique<OwnedTensor>(to.bytes);
  std::exception_ptr failure;
#pragma omp parallel
  {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    const auto threads = static_cast<std::size_t>(omp_get_num_threads());
    try {
      convert_rows(source, stored, to, rows_of_thread(rows, thread, threads), result->data());
    } catch (...) {
#pragma omp critical(conversion_failure)
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
  return result;
}

class Converted final : public TensorSource {
 public:
  Converted(std::unique_ptr<TensorSource> source, const WeightConversion& conversion) : source_(std::move(source)) {
    for (const TensorInfo& stored : source_->tensors()) tensors_.push_back(converted(stored, conversion));
    for (const TensorInfo& info : tensors_) fingerprint_ = fnv1a(name(info.type), fingerprint_);
  }

  std::size_t kept_bf16() const { return kept_bf16_; }
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }

  std::unique_ptr<TensorData> load(const TensorInfo& info) const override {
    const TensorInfo* stored = source_->find(info.name);
    GEMRING_CHECK(stored != nullptr, "no tensor {} in {}", info.name, source_->location(info.name));
    if (stored->type == info.type) return source_->load(*stored);
    auto result = convert_matrix(*source_, *stored, info);
    if (!is_block_type(info.type)) return result;
    if (const auto block = first_not_finite(info.type, result->bytes())) {
      throw ModelFileError({source_->location(info.name),
                            fmt::format("tensor {} has a number that {} cannot hold (NaN, infinite or too large), "
                                        "within elements {} to {}",
                                        info.name, name(info.type), grouped(*block * block_elements(info.type)),
                                        grouped((*block + 1) * block_elements(info.type) - 1)),
                            "use --weights bf16 or leave it out, or download the file again"});
    }
    return result;
  }

  std::string location(std::string_view name) const override { return source_->location(name); }
  std::uint64_t fingerprint() const override { return fnv1a(source_->fingerprint(), fingerprint_); }

 protected:
  void refuse_uncomputable(std::string_view name) const override { source_->find(name); }

 private:
  TensorInfo converted(const TensorInfo& stored, const WeightConversion& conversion) {
    if (is_block_type(stored.type)) {
      throw ConfigError({source_->location(stored.name),
                         fmt::format("tensor {} is stored as {} already; --weights converts f32, f16 and bf16 weights",
                                     stored.name, name(stored.type)),
                         "leave --weights out, or give the model's safetensors files"});
    }
    TensorInfo info = stored;
    if (stored.shape.size() != 2) return info;
    info.type = conversion.type;
    if (info.type == DataType::q4_0 && conversion.is_sensitive && conversion.is_sensitive(stored.name))
      info.type = DataType::q8_0;
    const auto cols = static_cast<std::size_t>(stored.shape[1]);
    if (cols % block_elements(info.type) != 0) {
      info.type = DataType::bf16;
      ++kept_bf16_;
    }
    info.bytes = static_cast<std::uint64_t>(stored.shape[0]) * row_bytes(info.type, cols);
    return info;
  }

  std::unique_ptr<TensorSource> source_;
  std::vector<TensorInfo> tensors_;  // in the source's order, which is sorted
  std::size_t kept_bf16_ = 0;
  std::uint64_t fingerprint_ = kFnvStart;
};

}  // namespace

ConvertedTensors convert_tensors(std::unique_ptr<TensorSource> source, const WeightConversion& conversion) {
  GEMRING_CHECK(
      conversion.type == DataType::f32 || conversion.type == DataType::bf16 || can_quantise_to(conversion.type),
      "to {}", name(conversion.type));
  auto converted = std::make_unique<Converted>(std::move(source), conversion);
  ConvertedTensors result;
  result.kept_bf16 = converted->kept_bf16();
  result.tensors = std::move(converted);
  return result;
}

}  // namespace gemring

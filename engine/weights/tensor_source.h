// Where named tensors come from: a checkpoint on disk or random numbers. Knows names, shapes and bytes, no model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/data_type.h"

namespace gemring {

/// What a header says of a tensor. Row-major; `shape` outermost first.
struct TensorInfo {
  std::string name;
  DataType type = DataType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t bytes = 0;
};

/// The bytes of one tensor, readable while this object lives (a mapping of just these bytes, or memory). Move-only.
class TensorData {
 public:
  virtual ~TensorData() = default;
  virtual std::span<const std::byte> bytes() const = 0;
};

class TensorSource {
 public:
  virtual ~TensorSource() = default;

  /// All tensors of a type that gemring computes with, sorted by name. A checkpoint may hold others (I64, U8, ...):
  /// they are checked and counted in the fingerprint, and refused when asked for.
  virtual const std::vector<TensorInfo>& tensors() const = 0;

  /// nullptr where there is none of that name. Throws ModelFileError, naming the type, where there is one of a type
  /// that gemring does not compute with.
  const TensorInfo* find(std::string_view name) const;

  /// Maps (or makes) the bytes of one tensor, aligned for its type (block types: at any address); nothing of the others
  /// is touched. `info` is one of tensors(). A NaN or an infinity where it would spread over all results, in the scales
  /// of a block type or in a tensor of one dimension, is refused. Throws ModelFileError.
  virtual std::unique_ptr<TensorData> load(const TensorInfo& info) const = 0;

  /// Rows [first, first + count) of a matrix, as load() gives them, but the other rows are neither mapped nor made and
  /// block types are not searched for NaN. Any number of threads may call it at once. A source that has its tensors as
  /// wholes only gives all of it here too, of which the result shows the rows.
  virtual std::unique_ptr<TensorData> load_rows(const TensorInfo& info, std::size_t first, std::size_t count) const;

  /// Where a user finds tensor `name`, for errors: the file, or "random weights".
  virtual std::string location(std::string_view name) const = 0;

  /// Equal for equal checkpoints on different machines: a hash over names, types, shapes, offsets, file sizes and a
  /// sample of each tensor's bytes.
  virtual std::uint64_t fingerprint() const = 0;

 protected:
  static std::uint64_t bytes_of_row(const TensorInfo& matrix);

  /// Throws ModelFileError if `name` is stored in a type that gemring does not compute with.
  virtual void refuse_uncomputable(std::string_view /*name*/) const {}
};

}  // namespace gemring

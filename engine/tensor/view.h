// Views: pointers with a shape. They own nothing and are passed by value.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>

namespace gemring {

/// [rows, cols], row-major; `stride` elements from one row to the next.
template <class T>
class MatrixView {
 public:
  MatrixView() = default;
  MatrixView(T* data, std::size_t rows, std::size_t cols) : MatrixView(data, rows, cols, cols) {}
  MatrixView(T* data, std::size_t rows, std::size_t cols, std::size_t stride)
      : data_(data), rows_(rows), cols_(cols), stride_(stride) {}
  template <class U>
  requires std::is_same_v<const U, T> MatrixView(MatrixView<U> other)
      : MatrixView(other.data(), other.rows(), other.cols(), other.stride()) {}

  T* data() const { return data_; }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  std::size_t stride() const { return stride_; }
  T* row(std::size_t i) const { return data_ + i * stride_; }
  std::span<T> row_span(std::size_t i) const { return {row(i), cols_}; }

  /// Rows [begin, end).
  MatrixView rows(std::size_t begin, std::size_t end) const { return {row(begin), end - begin, cols_, stride_}; }

 private:
  T* data_ = nullptr;
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  std::size_t stride_ = 0;
};

/// [tokens, heads, head_dim], heads of one token side by side; `stride` elements from one token to the next.
template <class T>
class HeadsView {
 public:
  HeadsView() = default;
  HeadsView(T* data, std::size_t tokens, std::size_t heads, std::size_t head_dim)
      : data_(data), tokens_(tokens), heads_(heads), head_dim_(head_dim) {}
  template <class U>
  requires std::is_same_v<const U, T> HeadsView(HeadsView<U> other)
      : HeadsView(other.data(), other.tokens(), other.heads(), other.head_dim()) {}

  T* data() const { return data_; }
  std::size_t tokens() const { return tokens_; }
  std::size_t heads() const { return heads_; }
  std::size_t head_dim() const { return head_dim_; }
  std::size_t stride() const { return heads_ * head_dim_; }
  std::size_t size() const { return tokens_ * stride(); }
  T* token(std::size_t t) const { return data_ + t * stride(); }
  T* head(std::size_t t, std::size_t h) const { return token(t) + h * head_dim_; }

  /// Tokens [begin, end).
  HeadsView tokens(std::size_t begin, std::size_t end) const { return {token(begin), end - begin, heads_, head_dim_}; }

  /// The same memory as [tokens, heads * head_dim].
  MatrixView<T> matrix() const { return {data_, tokens_, stride()}; }

 private:
  T* data_ = nullptr;
  std::size_t tokens_ = 0;
  std::size_t heads_ = 0;
  std::size_t head_dim_ = 0;
};

}  // namespace gemring

#include "engine/tensor/view.h"

#include <gtest/gtest.h>

#include <array>
#include <type_traits>

namespace gemring {
namespace {

TEST(MatrixView, RowsAreAStrideApart) {
  std::array<int, 12> data = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const MatrixView<int> view(data.data(), 3, 2, 4);  // the first two of four columns
  EXPECT_EQ(view.row(2)[1], 9);
  EXPECT_EQ(view.row_span(1).size(), 2u);
  EXPECT_EQ(view.row_span(1)[0], 4);
  EXPECT_EQ(MatrixView<int>(data.data(), 3, 4).row(1)[0], 4);
}

TEST(MatrixView, ARangeOfRowsKeepsColumnsAndStride) {
  std::array<int, 12> data = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto part = MatrixView<int>(data.data(), 3, 2, 4).rows(1, 3);
  EXPECT_EQ(part.rows(), 2u);
  EXPECT_EQ(part.cols(), 2u);
  EXPECT_EQ(part.row(1)[0], 8);
  EXPECT_EQ(part.rows(1, 1).rows(), 0u);
}

TEST(HeadsView, HeadsOfOneTokenLieSideBySide) {
  std::array<int, 12> data = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const HeadsView<int> view(data.data(), 2, 3, 2);  // 2 tokens, 3 heads of width 2
  EXPECT_EQ(*view.token(1), 6);
  EXPECT_EQ(*view.head(1, 2), 10);
  EXPECT_EQ(view.stride(), 6u);
  EXPECT_EQ(view.size(), 12u);
  EXPECT_EQ(*view.tokens(1, 2).head(0, 1), 8);
}

TEST(HeadsView, TheSameMemoryIsAMatrix) {
  std::array<int, 12> data = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const auto matrix = HeadsView<int>(data.data(), 2, 3, 2).matrix();
  EXPECT_EQ(matrix.rows(), 2u);
  EXPECT_EQ(matrix.cols(), 6u);
  EXPECT_EQ(matrix.row(1)[4], 10);
}

TEST(Views, BecomeReadOnlyButNeverWritable) {
  EXPECT_TRUE((std::is_convertible_v<MatrixView<float>, MatrixView<const float>>));
  EXPECT_FALSE((std::is_convertible_v<MatrixView<const float>, MatrixView<float>>));
  EXPECT_TRUE((std::is_convertible_v<HeadsView<float>, HeadsView<const float>>));
  EXPECT_FALSE((std::is_convertible_v<HeadsView<const float>, HeadsView<float>>));
}

}  // namespace
}  // namespace gemring

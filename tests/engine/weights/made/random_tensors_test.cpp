#include "engine/weights/made/random_tensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "engine/kernels/elementwise.h"
#include "tests/engine/weights/loaded.h"

namespace gemring {
namespace {

using test::load_f32;

template <class T>
std::vector<T> load_halves(const TensorSource& source, const char* name) {
  const auto data = source.load(*source.find(name));
  std::vector<T> values(data->bytes().size() / sizeof(T));
  std::memcpy(values.data(), data->bytes().data(), data->bytes().size());
  return values;
}

TEST(RandomTensors, NumbersAreNormalWithDeviationTwoHundredths) {
  const auto source = random_tensors({{"w", DataType::f32, {500, 400}, 800'000}});
  double sum = 0, squares = 0, within_one = 0;
  for (const float value : load_f32(*source, "w")) {
    sum += value;
    squares += double{value} * value;
    within_one += std::abs(value) < 0.02f;
  }
  EXPECT_NEAR(sum / 200'000, 0, 0.0002);
  EXPECT_NEAR(std::sqrt(squares / 200'000), 0.02, 0.0002);
  EXPECT_NEAR(within_one / 200'000, 0.68, 0.02);  // a uniform distribution would have 0.58
}

TEST(RandomTensors, TheSameNameGivesTheSameNumbersInEveryTypeAndAnotherNameOthers) {
  const auto source = random_tensors({{"other", DataType::f32, {2, 3}, 24}, {"w", DataType::f32, {2, 3}, 24}});
  const auto half = random_tensors({{"w", DataType::f16, {2, 3}, 12}});
  const auto brain = random_tensors({{"w", DataType::bf16, {2, 3}, 12}});
  const auto values = load_f32(*source, "w");
  EXPECT_EQ(load_f32(*source, "w"), values);
  EXPECT_NE(load_f32(*source, "other"), values);
  const auto f16 = load_halves<Float16>(*half, "w");
  const auto bf16 = load_halves<BFloat16>(*brain, "w");
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(f16[i].bits, to_float16(values[i]).bits);
    EXPECT_EQ(bf16[i].bits, to_bfloat16(values[i]).bits);
  }
}

TEST(RandomTensors, BlocksHaveTheSameMeanAndDeviation) {
  const std::uint64_t bytes = 400 * row_bytes(DataType::q4_k, 512);
  const auto source = random_tensors({{"w", DataType::q4_k, {400, 512}, bytes}});
  const auto data = source->load(*source->find("w"));
  ASSERT_EQ(data->bytes().size(), bytes);
  std::vector<float> values(400 * 512);
  widen(DataType::q4_k, data->bytes().data(), values.data(), values.size());
  double sum = 0, squares = 0;
  for (const float value : values) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  EXPECT_NEAR(sum / 204'800, 0, 0.0005);
  EXPECT_NEAR(std::sqrt(squares / 204'800), 0.02, 0.0005);
}

TEST(RandomTensors, RowsAreThoseOfTheWholeMatrix) {
  const auto text = [](const TensorData& data) {
    return std::string(reinterpret_cast<const char*>(data.bytes().data()), data.bytes().size());
  };
  for (const DataType type : {DataType::f32, DataType::bf16, DataType::q4_k}) {
    const std::size_t row = row_bytes(type, 512);
    const auto source = random_tensors({{"w", type, {9, 512}, 9 * row}});
    const TensorInfo& w = *source->find("w");
    EXPECT_EQ(text(*source->load_rows(w, 4, 3)), text(*source->load(w)).substr(4 * row, 3 * row)) << name(type);
    EXPECT_EQ(source->load_rows(w, 9, 0)->bytes().size(), 0u);
  }
}

TEST(RandomTensors, NormWeightsAreOne) {
  const auto source = random_tensors({{"norm", DataType::f32, {3}, 12}});
  EXPECT_EQ(load_f32(*source, "norm"), (std::vector<float>{1, 1, 1}));
}

TEST(RandomTensors, TheFingerprintFollowsNamesShapesAndTypes) {
  const auto fingerprint = [](const char* name, DataType type, std::vector<std::int64_t> shape, std::uint64_t bytes) {
    return random_tensors({{name, type, std::move(shape), bytes}})->fingerprint();
  };
  const auto reference = fingerprint("w", DataType::f16, {2, 3}, 12);
  EXPECT_EQ(fingerprint("w", DataType::f16, {2, 3}, 12), reference);
  EXPECT_NE(fingerprint("v", DataType::f16, {2, 3}, 12), reference);
  EXPECT_NE(fingerprint("w", DataType::bf16, {2, 3}, 12), reference);
  EXPECT_NE(fingerprint("w", DataType::f16, {3, 2}, 12), reference);
}

}  // namespace
}  // namespace gemring

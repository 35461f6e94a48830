#include "engine/weights/made/converted_tensors.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstring>

#include "engine/base/check.h"
#include "engine/kernels/quantise.h"
#include "engine/weights/gguf/gguf.h"
#include "engine/weights/made/random_tensors.h"
#include "tests/engine/weights/loaded.h"
#include "tests/support/gguf.h"
#include "tests/support/numbers.h"

namespace gemring {
namespace {

using test::bytes_of;
using test::contains;
using test::error_of;
using test::GgufBuilder;
using test::load_f32;
using test::TemporaryDirectory;
using test::text;

template <class T>
std::string bytes_of_all(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::vector<TensorInfo> infos(DataType type) {
  const std::uint64_t size = bytes_per_element(type);
  return {{"embedding", type, {40, 96}, 40 * 96 * size},
          {"narrow", type, {7, 40}, 280 * size},
          {"norm", type, {96}, 96 * size},
          {"w", type, {50, 64}, 3200 * size}};
}

TEST(ConvertedTensors, EveryMatrixBecomesTheWantedType) {
  const auto plain = random_tensors(infos(DataType::f32));
  for (const DataType to : {DataType::q8_0, DataType::q4_0}) {
    const auto converted = convert_tensors(random_tensors(infos(DataType::f32)), {to, {}});
    const TensorSource& source = *converted.tensors;
    ASSERT_EQ(source.tensors().size(), 4u);
    const TensorInfo& w = *source.find("w");
    EXPECT_EQ(w.type, to);
    EXPECT_EQ(w.shape, (std::vector<std::int64_t>{50, 64}));
    EXPECT_EQ(w.bytes, 50 * row_bytes(to, 64));
    const auto values = load_f32(*plain, "w");
    std::string expected(w.bytes, '\0');
    quantise(values.data(), to, expected.data(), values.size());
    EXPECT_EQ(text(*source.load(w)), expected);
    EXPECT_EQ(source.find("norm")->type, DataType::f32);  // one dimension stays
    EXPECT_EQ(load_f32(source, "norm"), std::vector<float>(96, 1));
  }
}

TEST(ConvertedTensors, MatricesOfManyPiecesAreTheSameOnAnyNumberOfThreads) {
  const std::vector<TensorInfo> large = {{"w", DataType::f32, {3001, 256}, std::uint64_t{3001} * 1024}};  // 3 MB
  const auto values = load_f32(*random_tensors(large), "w");
  std::string expected(3001 * row_bytes(DataType::q8_0, 256), '\0');
  quantise(values.data(), DataType::q8_0, expected.data(), values.size());
  const int threads_before = omp_get_max_threads();
  for (const int threads : {1, 2, 3}) {
    omp_set_num_threads(threads);
    const auto converted = convert_tensors(random_tensors(large), {DataType::q8_0, {}});
    EXPECT_TRUE(text(*converted.tensors->load(*converted.tensors->find("w"))) == expected) << threads << " threads";
  }
  omp_set_num_threads(threads_before);
}

TEST(ConvertedTensors, RowsOfAResultAreThoseOfTheWholeMatrix) {
  const auto converted = convert_tensors(random_tensors(infos(DataType::f32)), {DataType::q8_0, {}});
  const TensorInfo& w = *converted.tensors->find("w");
  EXPECT_EQ(text(*converted.tensors->load_rows(w, 20, 7)), text(*converted.tensors->load(w)).substr(20 * 68, 7 * 68));
}

TEST(ConvertedTensors, RowsThatAreNoWholeNumberOfBlocksStayBf16AndAreCounted) {
  const auto converted = convert_tensors(random_tensors(infos(DataType::f32)), {DataType::q4_0, {}});
  EXPECT_EQ(converted.kept_bf16, 1u);
  const TensorInfo& narrow = *converted.tensors->find("narrow");
  EXPECT_EQ(narrow.type, DataType::bf16);
  EXPECT_EQ(narrow.bytes, 560u);
  std::vector<BFloat16> expected;
  for (const float value : load_f32(*random_tensors(infos(DataType::f32)), "narrow"))
    expected.push_back(to_bfloat16(value));
  EXPECT_EQ(text(*converted.tensors->load(narrow)), bytes_of_all(expected));
  EXPECT_EQ(convert_tensors(random_tensors(infos(DataType::f32)), {DataType::bf16, {}}).kept_bf16, 0u);
}

TEST(ConvertedTensors, SensitiveMatricesBecomeQ8_0InsteadOfQ4_0) {
  const auto is_embedding = [](std::string_view name) { return name == "embedding"; };
  const auto coarse = convert_tensors(random_tensors(infos(DataType::bf16)), {DataType::q4_0, is_embedding});
  EXPECT_EQ(coarse.tensors->find("embedding")->type, DataType::q8_0);
  EXPECT_EQ(coarse.tensors->find("embedding")->bytes, 40u * 3 * 34);
  EXPECT_EQ(coarse.tensors->find("w")->type, DataType::q4_0);
  const auto wide = convert_tensors(random_tensors(infos(DataType::f16)), {DataType::f32, is_embedding});
  EXPECT_EQ(wide.tensors->find("embedding")->type, DataType::f32);
}

TEST(ConvertedTensors, BetweenTheFloats) {
  const auto plain = random_tensors(infos(DataType::bf16));
  std::vector<float> widened;
  const std::string stored = text(*plain->load(*plain->find("w")));
  for (std::size_t i = 0; i < stored.size(); i += 2) {
    BFloat16 value{};
    std::memcpy(&value, stored.data() + i, 2);
    widened.push_back(to_float(value));
  }
  const auto wide = convert_tensors(random_tensors(infos(DataType::bf16)), {DataType::f32, {}});
  EXPECT_EQ(load_f32(*wide.tensors, "w"), widened);
  const auto same = convert_tensors(random_tensors(infos(DataType::bf16)), {DataType::bf16, {}});
  EXPECT_EQ(text(*same.tensors->load(*same.tensors->find("w"))), stored);
  // f16 to bf16: 1 + 2^-10 is rounded to 1
  const TemporaryDirectory directory;
  const auto half = [&] {
    return open_gguf(directory.write(
        "h.gguf",
        GgufBuilder().tensor("h", {2, 1}, 1, bytes_of(std::uint16_t{0x3c01}, std::uint16_t{0xc000})).build()));
  };
  const auto narrowed = convert_tensors(half(), {DataType::bf16, {}});
  EXPECT_EQ(text(*narrowed.tensors->load(*narrowed.tensors->find("h"))),
            bytes_of(std::uint16_t{0x3f80}, std::uint16_t{0xc000}));
}

TEST(ConvertedTensors, BlockTypesAreNotConvertedAgain) {
  const TemporaryDirectory directory;
  const std::string path =
      directory.write("m.gguf", GgufBuilder().tensor("w", {32, 1}, 8, std::string(34, '\1')).build());
  const std::string error = error_of<ConfigError>([&] { convert_tensors(open_gguf(path), {DataType::q4_0, {}}); });
  EXPECT_TRUE(contains(error, path + ": tensor w is stored as q8_0 already"));
  EXPECT_TRUE(contains(error, "leave --weights out"));
}

TEST(ConvertedTensors, NumbersThatATypeCannotHoldAreRefused) {
  const TemporaryDirectory directory;
  for (const float bad : {std::nanf(""), INFINITY, 1e20f}) {
    std::vector<float> values(64, 1);
    values[40] = bad;
    const auto source = [&] {
      return open_gguf(directory.write("m.gguf", GgufBuilder().tensor("w", {64, 1}, 0, bytes_of_all(values)).build()));
    };
    const auto converted = convert_tensors(source(), {DataType::q8_0, {}});
    const std::string error =
        error_of<ModelFileError>([&] { converted.tensors->load(converted.tensors->tensors()[0]); });
    EXPECT_TRUE(contains(error, "m.gguf: tensor w has a number that q8_0 cannot hold"));
    EXPECT_TRUE(contains(error, "within elements 32 to 63"));
  }
}

TEST(ConvertedTensors, TypesThatGemringDoesNotComputeWithStayRefused) {
  const TemporaryDirectory directory;
  const auto converted =
      convert_tensors(open_gguf(directory.write("m.gguf", GgufBuilder().tensor("i", {1}, 26, bytes_of(1)).build())),
                      {DataType::bf16, {}});
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { converted.tensors->find("i"); }), "tensor i has type I32"));
  EXPECT_EQ(converted.tensors->find("j"), nullptr);
}

TEST(ConvertedTensors, TheFingerprintFollowsSourceAndTypes) {
  const auto fingerprint = [](DataType from, DataType to) {
    return convert_tensors(random_tensors(infos(from)), {to, {}}).tensors->fingerprint();
  };
  const auto reference = fingerprint(DataType::bf16, DataType::q8_0);
  EXPECT_EQ(fingerprint(DataType::bf16, DataType::q8_0), reference);
  EXPECT_NE(fingerprint(DataType::bf16, DataType::q4_0), reference);
  EXPECT_NE(fingerprint(DataType::f16, DataType::q8_0), reference);
}

TEST(ConvertedTensors, OnlyFourTypesAreWanted) {
  EXPECT_THROW(convert_tensors(random_tensors(infos(DataType::f32)), {DataType::q6_k, {}}), InternalError);
}

}  // namespace
}  // namespace gemring

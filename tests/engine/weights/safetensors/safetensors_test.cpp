#include "engine/weights/safetensors/safetensors.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/files.h"

namespace gemring {
namespace {

using test::bytes_of;
using test::contains;
using test::error_of;
using test::safetensors;
using test::TemporaryDirectory;

TEST(Safetensors, TensorsComeInTheOrderOfTheirDataWithOffsetsInTheFile) {
  const TemporaryDirectory directory;
  const std::string header =
      R"({"second":{"dtype":"I64","shape":[2],"data_offsets":[8,24]},"first":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";
  const auto file = open_safetensors(
      directory.write("a.safetensors", safetensors(header, bytes_of(1.5f, -2.0f, std::int64_t{7}, std::int64_t{-1}))));
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].name, "first");
  EXPECT_EQ(file.tensors[0].offset, 8 + header.size());
  EXPECT_EQ(file.tensors[0].bytes, 8u);
  EXPECT_EQ(file.tensors[1].name, "second");
  EXPECT_EQ(file.tensors[1].offset, 8 + header.size() + 8);
  EXPECT_EQ(read_f32_tensor(file, "first"), (std::vector<float>{1.5f, -2.0f}));
  EXPECT_EQ(read_i64_tensor(file, "second"), (std::vector<std::int64_t>{7, -1}));
}

TEST(Safetensors, EmptyTensorsAndScalarsAreOrdinaryCases) {
  const TemporaryDirectory directory;
  const auto file = open_safetensors(
      directory.write("a.safetensors", safetensors(R"({"none":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},)"
                                                   R"("one":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
                                                   bytes_of(3.0f))));
  EXPECT_TRUE(read_f32_tensor(file, "none").empty());
  EXPECT_EQ(read_f32_tensor(file, "one"), (std::vector<float>{3.0f}));
}

TEST(Safetensors, AFileWithoutTensorsOpens) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(open_safetensors(directory.write("a.safetensors", safetensors("{}      "))).tensors.empty());
}

TEST(Safetensors, OnlyThreeTypesAreComputable) {
  const auto type_of = [](const char* type) { return computable_type({"w", type, {1}, 0, 0}); };
  EXPECT_EQ(type_of("F32"), DataType::f32);
  EXPECT_EQ(type_of("F16"), DataType::f16);
  EXPECT_EQ(type_of("BF16"), DataType::bf16);
  EXPECT_EQ(type_of("F64"), std::nullopt);
  EXPECT_EQ(type_of("I64"), std::nullopt);
}

TEST(Safetensors, ReadingAnotherTypeOrNameIsRefused) {
  const TemporaryDirectory directory;
  const auto file = open_safetensors(directory.write(
      "a.safetensors", safetensors(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", bytes_of(3.0f))));
  EXPECT_TRUE(
      contains(error_of<ModelFileError>([&] { read_i64_tensor(file, "w"); }), "tensor w has type F32; I64 is needed"));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { read_f32_tensor(file, "v"); }), "has no tensor v"));
}

struct BrokenFile {
  std::string content;
  std::string problem;
  std::string advice;
};

TEST(Safetensors, EveryBrokenFileIsRefusedWithItsReason) {
  const std::string four = bytes_of(1.0f);
  const std::string eight = four + four;
  const auto w = [](const std::string& shape, const std::string& offsets) {
    return R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"v":{"dtype":"F32","shape":[1],"data_offsets":)" + first +
           R"(},"w":{"dtype":"F32","shape":[1],"data_offsets":)" + second + "}}";
  };
  const BrokenFile table[] = {
      {"", "has 0 bytes", "cut short"},
      {"1234567", "has 7 bytes", "cut short"},
      {bytes_of(std::uint64_t{100'000'001}) + "{}", "a header of 100,000,001 bytes; at most 100,000,000", "damaged"},
      {bytes_of(~std::uint64_t{0}) + "{}", "at most 100,000,000", "damaged"},
      {bytes_of(std::uint64_t{5}) + "{}", "a header that ends at byte 13, the file at 10", "cut short"},
      {bytes_of(std::uint64_t{0}), "does not begin with '{'", "damaged"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "git-lfs pointer", "git lfs pull"},
      {safetensors(w("[1]", "[4,8]"), eight),
       "tensor w begins at byte 4 of the data, the tensor before it ends at 0: there is a hole", "damaged"},
      {safetensors(w("[1]", "[4,0]"), four), "tensor w ends at 0, before it begins at 4", "damaged"},
      {safetensors(two("[0,4]", "[8,12]"), eight + four), "there is a hole", "damaged"},
      {safetensors(two("[0,4]", "[0,4]"), four), "they overlap", "damaged"},
      {safetensors(two("[0,4]", "[2,6]"), eight), "they overlap", "damaged"},
      {safetensors(w("[2]", "[0,4]"), four), "tensor w has 4 bytes, its shape and type F32 ask for 8", "damaged"},
      {safetensors(w("[4294967296,4294967296]", "[0,4]"), four), "a shape whose size leaves 64 bits", "damaged"},
      {safetensors(w("[4611686018427387904]", "[0,0]")), "a shape whose size leaves 64 bits", "damaged"},
      {safetensors(w("[1]", "[0,4]"), "123"), "the file at", "cut short"},
      {safetensors(w("[4611686018427387903]", "[0,18446744073709551612]"), four),
       "ends behind all that 64 bits can count", "damaged"},
      {safetensors(w("[1]", "[0,4]"), eight), "but its last tensor ends at byte", "damaged"},
      {safetensors("{}", four), "has 14 bytes, but its last tensor ends at byte 10", "damaged"},
  };
  const TemporaryDirectory directory;
  for (const BrokenFile& broken : table) {
    const std::string path = directory.write("b.safetensors", broken.content);
    const std::string error = error_of<ModelFileError>([&] { open_safetensors(path); });
    EXPECT_TRUE(contains(error, broken.problem));
    EXPECT_TRUE(contains(error.substr(error.find('|') + 1), broken.advice)) << error;
    EXPECT_TRUE(contains(error, path + ": "));
  }
}

TEST(Safetensors, AFileThatIsCutAnywhereIsRefused) {
  const std::string whole =
      safetensors(R"({"__metadata__":{"format":"pt"},"v":{"dtype":"F32","shape":[1],"data_offsets":)"
                  R"([0,4]},"w":{"dtype":"BF16","shape":[2,2],"data_offsets":[4,12]}})",
                  "0123456789ab");
  const TemporaryDirectory directory;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string path = directory.write("cut.safetensors", whole.substr(0, length));
    ASSERT_TRUE(contains(error_of<ModelFileError>([&] { open_safetensors(path); }), "the file is cut short")) << length;
  }
  EXPECT_EQ(open_safetensors(directory.write("whole.safetensors", whole)).tensors.size(), 2u);
}

TEST(Safetensors, ACutFileNamesTheTensorAndBothEnds) {
  const TemporaryDirectory directory;
  std::string header = R"({"w":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}})";
  header.resize(72, ' ');  // data begins at byte 80
  const std::string path = directory.write("a.safetensors", safetensors(header, std::string(1920, '\0')));
  EXPECT_EQ(error_of<ModelFileError>([&] { open_safetensors(path); }),
            path + ": tensor w ends at byte 4,080, the file at 2,000 | the file is cut short; download it again");
}

TEST(Safetensors, WhatIsNoFileIsRefusedWithoutHanging) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(
      contains(error_of<ModelFileError>([&] { open_safetensors(directory.file("none")); }), "there is no such file"));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { open_safetensors(directory.path()); }), "is no regular file"));
  ASSERT_EQ(mkfifo(directory.file("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(
      contains(error_of<ModelFileError>([&] { open_safetensors(directory.file("pipe")); }), "is no regular file"));
}

TEST(Safetensors, TheGoldenResultsOpen) {
  for (const std::string family : {"llama-2", "llama-3.1", "smollm2"}) {
    const auto file = open_safetensors(std::string(GEMRING_TEST_DATA) + "/golden/" + family + "/golden.safetensors");
    EXPECT_EQ(read_i64_tensor(file, "ids.7").size(), 7u) << family;
    EXPECT_EQ(read_f32_tensor(file, "logits.7").size(), 7u * 320u) << family;
  }
}

}  // namespace
}  // namespace gemring

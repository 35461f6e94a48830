// Broken and hostile GGUF files: each refused with its own message, with memory bounded by the file's size.
#include "engine/weights/gguf/gguf_header.h"

#include <gtest/gtest.h>

#include "engine/base/process.h"
#include "tests/support/gguf.h"

namespace gemring {
namespace {

using test::bytes_of;
using test::contains;
using test::error_of;
using test::GgufBuilder;
using test::TemporaryDirectory;

constexpr std::uint64_t kHuge = std::uint64_t{1} << 60;

std::string refusal(const std::string& content) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("model.gguf", content);
  return error_of<ModelFileError>([&] { read_gguf_header(path, GgufPart::pairs_and_tensors); });
}

std::string refusal(const GgufBuilder& builder) {
  return refusal(builder.build());
}

/// One pair with these bytes as value.
std::string refusal_of_value(std::uint32_t type, const std::string& value) {
  return refusal(GgufBuilder().pair("a.key", type, value));
}

/// A file with everything that a header may hold.
GgufBuilder whole_file() {
  GgufBuilder builder;
  builder.count("general.alignment", 64)
      .text("text", "some words")
      .texts("texts", {"a", "bc"})
      .numbers<float>("reals", test::kF32, {1, 2, 3})
      .pair("f64", test::kF64, bytes_of(1.0));
  builder.alignment = 64;
  return builder.tensor("norm", {2}, 0, std::string(8, 'x')).tensor("w", {32, 2}, 8, std::string(68, 'y'));
}

TEST(GgufHeader, AWholeFile) {
  const TemporaryDirectory directory;
  const std::string content = whole_file().build();
  const GgufHeader header = read_gguf_header(directory.write("a.gguf", content), GgufPart::pairs_and_tensors);
  ASSERT_EQ(header.pairs.size(), 5u);
  EXPECT_EQ(header.key(header.pairs[0]), "f64");  // sorted
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[1].name, "w");
  EXPECT_EQ(header.tensors[1].shape, (std::vector<std::int64_t>{2, 32}));
  EXPECT_EQ(header.tensors[1].bytes, 68u);
  EXPECT_EQ(content.substr(header.tensors[1].offset, 68), std::string(68, 'y'));
  EXPECT_EQ(header.tensors[1].offset % 64, 0u);
}

TEST(GgufHeader, AFileThatIsCutAnywhereIsRefused) {
  const std::string whole = whole_file().build();
  const std::size_t needed = whole.size() - 64 + 4;  // the last tensor has 68 bytes, of 128 with what fills them up
  const TemporaryDirectory directory;
  for (std::size_t length = 0; length < needed; ++length) {
    const std::string path = directory.write("cut.gguf", whole.substr(0, length));
    const std::string error = error_of<ModelFileError>([&] { read_gguf_header(path, GgufPart::pairs_and_tensors); });
    ASSERT_NE(error, "no error") << length << " of " << whole.size() << " bytes";
  }
  read_gguf_header(directory.write("enough.gguf", whole.substr(0, needed)), GgufPart::pairs_and_tensors);
}

TEST(GgufHeader, AnyByteMayBeWrong) {
  // Refused or read, never more: the sanitizers watch. Every byte before the data, each of its bits and some values.
  const std::string whole = whole_file().build();
  const std::size_t end = whole_file().header().size();
  const TemporaryDirectory directory;
  const std::string path = directory.write("m.gguf", whole);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t place, char byte) {
    file.seekp(static_cast<std::streamoff>(place));
    file.put(byte).flush();
  };
  const std::uint64_t before = peak_rss_bytes();
  for (std::size_t place = 4; place < end; ++place) {
    for (const int change : {1, 2, 4, 8, 16, 32, 64, 128, 0xff, 0x7f}) {
      put(place, static_cast<char>(whole[place] ^ change));
      error_of<ModelFileError>([&] { read_gguf_header(path, GgufPart::pairs_and_tensors); });
    }
    put(place, whole[place]);
  }
  ASSERT_TRUE(file.good());
  EXPECT_LT(peak_rss_bytes(), before + (64u << 20));
}

TEST(GgufHeader, WhatTheFileEndsWithinIsNamed) {
  const std::string whole = whole_file().build();
  EXPECT_TRUE(contains(refusal(whole.substr(0, 3)), "ends at byte 3, within the magic"));
  EXPECT_TRUE(contains(refusal(whole.substr(0, 7)), "ends at byte 7, within the version"));
  EXPECT_TRUE(contains(refusal(whole.substr(0, 23)), "within the counts of tensors and keys"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().pair("k", test::kU64, "1234567")), "within the value of key 1"));
  const std::string header = whole_file().header();
  EXPECT_TRUE(contains(refusal(header.substr(0, header.size() - 1)), "within the description of tensor 2"));
  EXPECT_TRUE(contains(refusal(whole.substr(0, whole.size() - 100)), "tensor w ends at byte"));
  EXPECT_TRUE(contains(refusal(whole.substr(0, 7)), "cut short; download it again"));
}

TEST(GgufHeader, OtherFormatsAndVersionsAreRefusedByName) {
  EXPECT_TRUE(contains(refusal("PK\3\4 and so on"), "does not begin with \"GGUF\""));
  EXPECT_TRUE(contains(refusal("version https://git-lfs.github.com/spec/v1\n"), "is a git-lfs pointer"));
  for (const std::uint32_t version : {0u, 1u, 4u}) {
    GgufBuilder builder;
    builder.version = version;
    EXPECT_TRUE(contains(refusal(builder),
                         "is of GGUF version " + std::to_string(version) + "; gemring reads versions 2 and 3"));
  }
  GgufBuilder builder;
  builder.version = 1;
  EXPECT_TRUE(contains(refusal(builder), "it counts in 32 bits"));
  for (const std::uint32_t version : {0x02000000u, 0x03000000u}) {
    builder.version = version;
    EXPECT_TRUE(contains(refusal(builder), "is big-endian: its version reads as 0x"));
  }
}

TEST(GgufHeader, Version2IsReadAsVersion3) {
  const TemporaryDirectory directory;
  GgufBuilder newer = whole_file(), older = whole_file();
  older.version = 2;
  const auto read = [&](const char* name, const GgufBuilder& file) {
    return read_gguf_header(directory.write(name, file.build()), GgufPart::pairs_and_tensors);
  };
  const GgufHeader two = read("2.gguf", older), three = read("3.gguf", newer);
  ASSERT_EQ(two.tensors.size(), three.tensors.size());
  for (std::size_t i = 0; i < two.tensors.size(); ++i) {
    EXPECT_EQ(two.tensors[i].name, three.tensors[i].name);
    EXPECT_EQ(two.tensors[i].offset, three.tensors[i].offset);
    EXPECT_EQ(two.tensors[i].shape, three.tensors[i].shape);
  }
  EXPECT_EQ(two.pairs.size(), three.pairs.size());
}

TEST(GgufHeader, AbsurdCountsAreRefusedBeforeAnythingIsAllocated) {
  const std::uint64_t before = peak_rss_bytes();
  GgufBuilder tensors, pairs;
  tensors.tensors = kHuge;
  pairs.pairs = kHuge;
  EXPECT_TRUE(contains(refusal(tensors), "announces 1,152,921,504,606,846,976 tensors in the header, the file has 0"));
  EXPECT_TRUE(contains(refusal(pairs), "announces 1,152,921,504,606,846,976 keys in the header, the file has 0"));
  EXPECT_TRUE(contains(refusal_of_value(test::kString, bytes_of(kHuge) + "x"),
                       "announces a string of 1,152,921,504,606,846,976 bytes in the value of key 1, the file has 1"));
  EXPECT_TRUE(contains(refusal_of_value(test::kArray, bytes_of(std::uint32_t{test::kF64}, kHuge, 1.0)),
                       "announces 1,152,921,504,606,846,976 values in the value of key 1, the file has 8 bytes left"));
  EXPECT_TRUE(contains(refusal_of_value(test::kArray, bytes_of(std::uint32_t{test::kU8}, ~std::uint64_t{0})),
                       "announces 18,446,744,073,709,551,615 values"));
  EXPECT_TRUE(contains(
      refusal_of_value(test::kArray, bytes_of(std::uint32_t{test::kString}, std::uint64_t{9}) + std::string(71, '\0')),
      "announces 9 strings in the value of key 1, the file has 71 bytes left"));
  EXPECT_TRUE(contains(
      refusal_of_value(test::kArray, bytes_of(std::uint32_t{test::kString}, std::uint64_t{2}, std::uint64_t{0}, kHuge)),
      "announces a string of"));
  EXPECT_TRUE(contains(refusal("GGUF" + bytes_of(3u, std::uint64_t{0}, std::uint64_t{1}, kHuge) + std::string(9, 'k')),
                       "announces a string of 1,152,921,504,606,846,976 bytes in key 1"));
  EXPECT_TRUE(contains(refusal("GGUF" + bytes_of(3u, std::uint64_t{1}, std::uint64_t{0}, kHuge) + std::string(17, 'n')),
                       "bytes in the name of tensor 1"));
  EXPECT_LT(peak_rss_bytes(), before + (64u << 20));
}

TEST(GgufHeader, BadPairsAreRefused) {
  EXPECT_TRUE(contains(refusal_of_value(13, bytes_of(1)), "has a value of the unknown type 13 under a.key"));
  EXPECT_TRUE(contains(refusal_of_value(test::kArray, bytes_of(77u, std::uint64_t{0})),
                       "has a value of the unknown type 77 under a.key"));
  EXPECT_TRUE(contains(refusal_of_value(test::kArray, bytes_of(9u, std::uint64_t{1}, 4u, std::uint64_t{0})),
                       "has arrays within the array a.key"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().count("b", 1).count("a", 1).count("b", 2)), "has key b twice"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().count("", 1)), "has no name for key 1"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().count("a\nb", 1)), "has a control character in key 1"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().count(std::string(65536, 'k'), 1)),
                       "has a string of 65,536 bytes in key 1; at most 65,535 are accepted"));
}

TEST(GgufHeader, AnAlignmentIsAPowerOfTwo) {
  for (const std::uint32_t bad : {0u, 24u, 1u << 21}) {
    EXPECT_TRUE(contains(refusal(GgufBuilder().count("general.alignment", bad)), "is no power of two up to 1,048,576"));
  }
  EXPECT_TRUE(contains(refusal(GgufBuilder().text("general.alignment", "32")), "general.alignment as string"));
}

TEST(GgufHeader, BadTensorsAreRefused) {
  const std::string four(4, 'x');
  EXPECT_TRUE(
      contains(refusal(GgufBuilder().tensor("a", {1}, 0, four).tensor("a", {1}, 0, four)), "names tensor a twice"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("", {1}, 0, four)), "has no name for tensor 1"));
  EXPECT_TRUE(
      contains(refusal(GgufBuilder().tensor("a\tb", {1}, 0, four)), "control character in the name of tensor 1"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor(std::string(65, 'n'), {1}, 0, four)),
                       "has a string of 65 bytes in the name of tensor 1; at most 64 are accepted"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("a", {1, 1, 1, 1, 1}, 0, four)), "has 5 dimensions"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("a", {kHuge * 8}, 0, four)), "has an extent of"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("a", {kHuge, kHuge}, 0, four)), "size leaves 64 bits"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("a", {kHuge * 7}, 0, four)), "size leaves 64 bits"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("a", {33}, 8, four)),
                       "tensor a has rows of 33 elements; Q8_0 has blocks of 32"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("a", {128, 2}, 14, four)),
                       "tensor a has rows of 128 elements; Q6_K has blocks of 256"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor("a", {}, 8, four)), "rows of 1 elements"));
}

TEST(GgufHeader, TensorsLieAlignedWithinTheFileAndApart) {
  const std::string data(256, 'x');
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor_at("a", {1}, 0, 16).data(data)),
                       "tensor a begins at byte 16 of the data, which is no multiple of the alignment 32"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor_at("a", {64}, 0, 32).data(data)), "tensor a ends at byte"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor_at("a", {1}, 0, ~std::uint64_t{31}).data(data)),
                       "ends behind all that 64 bits can count"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor_at("b", {1}, 0, 32).tensor_at("a", {9}, 0, 0).data(data)),
                       "tensor b begins at byte 128, tensor a ends at 132: they overlap"));
  EXPECT_TRUE(
      contains(refusal(GgufBuilder().tensor_at("b", {8}, 0, 0).tensor_at("a", {8}, 0, 0).data(data)), "they overlap"));
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor_at("small", {1}, 0, 32).tensor_at("large", {48}, 0, 0).data(data)),
                       "tensor large ends at"));
  EXPECT_EQ(refusal(GgufBuilder().tensor_at("hole", {8}, 0, 64).tensor_at("empty", {0}, 0, 64).data(data)), "no error");
}

TEST(GgufHeader, ATensorOfAnUnknownTypeHasToBeginWithinTheFile) {
  EXPECT_EQ(refusal(GgufBuilder().tensor_at("a", {8}, 99, 0).data("x")), "no error");
  EXPECT_TRUE(contains(refusal(GgufBuilder().tensor_at("a", {8}, 99, 3200).data("x")), "tensor a ends at byte"));
}

}  // namespace
}  // namespace gemring

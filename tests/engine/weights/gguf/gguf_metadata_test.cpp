#include <gtest/gtest.h>

#include <chrono>
#include <cmath>

#include "engine/weights/gguf/gguf.h"
#include "tests/support/gguf.h"

namespace gemring {
namespace {

using test::bytes_of;
using test::contains;
using test::error_of;
using test::GgufBuilder;
using test::TemporaryDirectory;

class Metadata : public ::testing::Test {
 protected:
  GgufMetadata read(const GgufBuilder& builder) const {
    return read_gguf_metadata(directory_.write("model.gguf", builder.build()));
  }

  /// What `ask` throws about a file with this one pair.
  template <class Ask>
  std::string refusal(std::uint32_t type, const std::string& value, Ask ask) const {
    const GgufMetadata metadata = read(GgufBuilder().pair("a.key", type, value));
    return error_of<ModelFileError>([&] { ask(metadata); });
  }

  TemporaryDirectory directory_;
};

TEST_F(Metadata, EveryTypeOfNumberIsRead) {
  const GgufMetadata metadata = read(GgufBuilder()
                                         .pair("u8", test::kU8, bytes_of(std::uint8_t{200}))
                                         .pair("i8", test::kI8, bytes_of(std::int8_t{-3}))
                                         .pair("u16", test::kU16, bytes_of(std::uint16_t{60000}))
                                         .pair("i16", test::kI16, bytes_of(std::int16_t{-300}))
                                         .pair("u32", test::kU32, bytes_of(std::uint32_t{4'000'000'000}))
                                         .pair("i32", test::kI32, bytes_of(std::int32_t{7}))
                                         .pair("u64", test::kU64, bytes_of(std::uint64_t{1} << 40))
                                         .pair("i64", test::kI64, bytes_of(std::int64_t{-1} << 40))
                                         .pair("f32", test::kF32, bytes_of(1.5f))
                                         .pair("f64", test::kF64, bytes_of(1e100))
                                         .pair("yes", test::kBool, bytes_of(std::uint8_t{1}))
                                         .pair("no", test::kBool, bytes_of(std::uint8_t{0})));
  EXPECT_EQ(metadata.count("u8"), 200u);
  EXPECT_EQ(metadata.count("u16"), 60000u);
  EXPECT_EQ(metadata.count("u32"), 4'000'000'000u);
  EXPECT_EQ(metadata.count("i32"), 7u);
  EXPECT_EQ(metadata.count("u64"), std::uint64_t{1} << 40);
  EXPECT_EQ(metadata.integer("i8"), -3);
  EXPECT_EQ(metadata.integer("i16"), -300);
  EXPECT_EQ(metadata.integer("u32"), 4'000'000'000);
  EXPECT_EQ(metadata.integer("i64"), std::int64_t{-1} << 40);
  EXPECT_EQ(metadata.real("f32"), 1.5);
  EXPECT_EQ(metadata.real("f64"), 1e100);
  EXPECT_EQ(metadata.real("i16"), -300);  // an integer is a number too
  EXPECT_EQ(metadata.boolean("yes"), true);
  EXPECT_EQ(metadata.boolean("no"), false);
}

TEST_F(Metadata, TextsAndArraysAreRead) {
  const GgufMetadata metadata = read(GgufBuilder()
                                         .text("text", std::string("a\0b", 3))
                                         .text("empty", "")
                                         .texts("texts", {"one", "", "drei"})
                                         .texts("none", {})
                                         .numbers<float>("f32s", test::kF32, {0.5f, -2})
                                         .numbers<double>("f64s", test::kF64, {0.25})
                                         .numbers<std::int32_t>("i32s", test::kI32, {1, -2, 3})
                                         .numbers<std::uint8_t>("bools", test::kBool, {1, 0}));
  EXPECT_EQ(metadata.text("text"), std::string_view("a\0b", 3));
  EXPECT_EQ(metadata.text("empty"), "");
  EXPECT_EQ(metadata.texts("texts"), (std::vector<std::string_view>{"one", "", "drei"}));
  EXPECT_EQ(metadata.texts("none"), std::vector<std::string_view>());
  EXPECT_EQ(metadata.reals("f32s"), (std::vector<float>{0.5f, -2}));
  EXPECT_EQ(metadata.reals("f64s"), (std::vector<float>{0.25f}));
  EXPECT_EQ(metadata.integers("i32s"), (std::vector<std::int64_t>{1, -2, 3}));
  EXPECT_EQ(metadata.integers("bools"), (std::vector<std::int64_t>{1, 0}));
  EXPECT_TRUE(metadata.is_array("i32s"));
  EXPECT_FALSE(metadata.is_array("text"));
}

TEST_F(Metadata, AnAbsentKeyGivesNothing) {
  const GgufMetadata metadata = read(GgufBuilder().count("b", 1).count("d", 1));
  for (const char* key : {"a", "c", "e", ""}) {
    EXPECT_FALSE(metadata.has(key));
    EXPECT_FALSE(metadata.is_array(key));
    EXPECT_EQ(metadata.count(key), std::nullopt);
    EXPECT_EQ(metadata.integer(key), std::nullopt);
    EXPECT_EQ(metadata.real(key), std::nullopt);
    EXPECT_EQ(metadata.text(key), std::nullopt);
    EXPECT_EQ(metadata.boolean(key), std::nullopt);
    EXPECT_EQ(metadata.texts(key), std::nullopt);
    EXPECT_EQ(metadata.reals(key), std::nullopt);
    EXPECT_EQ(metadata.integers(key), std::nullopt);
  }
  EXPECT_TRUE(metadata.has("b"));
  EXPECT_EQ(metadata.count("d"), 1u);
}

TEST_F(Metadata, AnotherTypeIsRefusedNamingFileAndKey) {
  const auto count = [](const GgufMetadata& m) { m.count("a.key"); };
  EXPECT_TRUE(contains(refusal(test::kF32, bytes_of(1.0f), count), "model.gguf: a.key is f32, not an integer"));
  EXPECT_TRUE(contains(refusal(test::kBool, bytes_of('\1'), count), "a.key is bool, not an integer"));
  const std::string array = bytes_of(std::uint32_t{test::kU32}, std::uint64_t{1}, std::uint32_t{5});
  EXPECT_TRUE(contains(refusal(test::kArray, array, count), "a.key is an array of u32, not an integer"));
  EXPECT_TRUE(contains(refusal(test::kU8, bytes_of('a'), [](const GgufMetadata& m) { m.text("a.key"); }),
                       "a.key is u8, not a string"));
  EXPECT_TRUE(contains(refusal(test::kString, test::gguf_string("1"), [](const GgufMetadata& m) { m.real("a.key"); }),
                       "a.key is string, not a number"));
  EXPECT_TRUE(contains(refusal(test::kU8, bytes_of('\1'), [](const GgufMetadata& m) { m.boolean("a.key"); }),
                       "a.key is u8, not a bool"));
  EXPECT_TRUE(contains(refusal(test::kArray, array, [](const GgufMetadata& m) { m.texts("a.key"); }),
                       "a.key is an array of u32, not an array of strings"));
  EXPECT_TRUE(contains(refusal(test::kArray, array, [](const GgufMetadata& m) { m.reals("a.key"); }),
                       "a.key is an array of u32, not an array of f32 or f64"));
  EXPECT_TRUE(contains(refusal(test::kI8, bytes_of('\1'), [](const GgufMetadata& m) { m.integers("a.key"); }),
                       "a.key is i8, not an array of integers"));
}

TEST_F(Metadata, ValuesOutOfRangeAreRefused) {
  EXPECT_TRUE(contains(refusal(test::kI16, bytes_of(std::int16_t{-1}), [](const GgufMetadata& m) { m.count("a.key"); }),
                       "a.key is -1; it cannot be negative"));
  EXPECT_TRUE(
      contains(refusal(test::kU64, bytes_of(~std::uint64_t{0}), [](const GgufMetadata& m) { m.integer("a.key"); }),
               "a.key is 18446744073709551615, which is too large"));
  const auto real = [](const GgufMetadata& m) { m.real("a.key"); };
  EXPECT_TRUE(contains(refusal(test::kF32, bytes_of(std::nanf("")), real), "a.key is nan"));
  EXPECT_TRUE(contains(refusal(test::kF64, bytes_of(-HUGE_VAL), real), "a.key is -inf"));
  const std::string nan = bytes_of(std::uint32_t{test::kF32}, std::uint64_t{2}, 0.0f, std::nanf(""));
  EXPECT_TRUE(
      contains(refusal(test::kArray, nan, [](const GgufMetadata& m) { m.reals("a.key"); }), "a.key has NaN as item 1"));
}

TEST_F(Metadata, ViewsLiveAsLongAsAnyCopy) {
  std::optional<GgufMetadata> first = read(GgufBuilder().text("a", "a text that is long enough for memory of its own"));
  const GgufMetadata copy = *first;
  const std::string_view text = *first->text("a");
  first.reset();
  EXPECT_EQ(text, "a text that is long enough for memory of its own");
  EXPECT_EQ(copy.text("a"), text);
}

TEST_F(Metadata, TensorsAreNotLookedAt) {
  // A vocabulary has none; a download that is not done has some, and its tokenizer works all the same.
  GgufBuilder cut;
  cut.text("general.architecture", "llama").tensor_at("t", {1 << 30}, 0, 0);
  EXPECT_EQ(read(cut).text("general.architecture"), "llama");
  EXPECT_EQ(read(GgufBuilder().count("a", 1)).count("a"), 1u);
}

TEST_F(Metadata, ALargeVocabularyIsReadInAMoment) {
  std::vector<std::string> tokens, merges;
  for (int i = 0; i < 256'000; ++i) {
    tokens.push_back("token " + std::to_string(i));
    merges.push_back("a b" + std::to_string(i));
  }
  GgufBuilder builder;
  builder.texts("tokenizer.ggml.tokens", tokens).texts("tokenizer.ggml.merges", merges);
  const std::string path = directory_.write("model.gguf", builder.build());
  const auto start = std::chrono::steady_clock::now();
  const GgufMetadata metadata = read_gguf_metadata(path);
  const auto read = metadata.texts("tokenizer.ggml.tokens");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));  // some 10 ms; sanitizers take longer
  ASSERT_EQ(read->size(), tokens.size());
  EXPECT_EQ(read->back(), "token 255999");
  EXPECT_EQ(metadata.texts("tokenizer.ggml.merges")->at(1), "a b1");
}

TEST_F(Metadata, APathIsGgufByItsNameOrItsFirstBytes) {
  EXPECT_TRUE(is_gguf_path(directory_.write("a.gguf", "whatever")));
  EXPECT_TRUE(is_gguf_path(directory_.file("missing.gguf")));  // opening it says that it is missing
  EXPECT_TRUE(is_gguf_path(directory_.write("blob", "GGUF\3")));
  EXPECT_FALSE(is_gguf_path(directory_.write("other", "GGU")));
  EXPECT_FALSE(is_gguf_path(directory_.write("model.safetensors", "{}")));
  EXPECT_FALSE(is_gguf_path(directory_.file("missing")));
  EXPECT_FALSE(is_gguf_path(directory_.path()));
  std::filesystem::create_directory(directory_.file("directory.gguf"));
  EXPECT_FALSE(is_gguf_path(directory_.file("directory.gguf")));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { read_gguf_metadata(directory_.file("missing.gguf")); }),
                       "there is no such file"));
}

}  // namespace
}  // namespace gemring

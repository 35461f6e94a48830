#include "engine/weights/gguf/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "tests/engine/weights/loaded.h"
#include "tests/support/gguf.h"

namespace gemring {
namespace {

using test::bytes_of;
using test::contains;
using test::error_of;
using test::GgufBuilder;
using test::TemporaryDirectory;
using test::text;

const std::string kNan = bytes_of(std::uint16_t{0x7e00});       // as f16
const std::string kInfinite = bytes_of(std::uint16_t{0xfc00});  // the negative one

TEST(Gguf, TensorsAreSortedByNameAndShapedOutermostFirst) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("m.gguf", GgufBuilder()
                                                         .tensor("w", {32, 2, 3}, 2, std::string(6 * 18, 'q'))
                                                         .tensor("half", {3}, 1, "abcdef")
                                                         .tensor("brain", {1, 2}, 30, "ghij")
                                                         .build());
  const auto source = open_gguf(path);
  ASSERT_EQ(source->tensors().size(), 3u);
  EXPECT_EQ(source->tensors()[0].name, "brain");
  EXPECT_EQ(source->tensors()[0].type, DataType::bf16);
  EXPECT_EQ(source->tensors()[1].type, DataType::f16);
  const TensorInfo& w = source->tensors()[2];
  EXPECT_EQ(w.type, DataType::q4_0);
  EXPECT_EQ(w.shape, (std::vector<std::int64_t>{3, 2, 32}));
  EXPECT_EQ(w.bytes, 108u);
  EXPECT_EQ(text(*source->load(w)), std::string(108, 'q'));
  EXPECT_EQ(text(*source->load(source->tensors()[1])), "abcdef");
  EXPECT_EQ(source->find("v"), nullptr);
  EXPECT_EQ(source->location("w"), path);
}

TEST(Gguf, RowsAreMappedOnTheirOwn) {
  const TemporaryDirectory directory;
  const auto source =
      open_gguf(directory.write("m.gguf", GgufBuilder().tensor("w", {2, 3}, 1, "aabbccddeeff").build()));  // f16
  const auto rows = source->load_rows(*source->find("w"), 1, 1);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(rows->bytes().data()), rows->bytes().size()), "ccdd");
}

TEST(Gguf, EveryComputableTypeHasItsNumberAndSize) {
  const TemporaryDirectory directory;
  const std::pair<std::uint32_t, DataType> types[] = {
      {0, DataType::f32},   {1, DataType::f16},   {2, DataType::q4_0},  {3, DataType::q4_1},
      {6, DataType::q5_0},  {7, DataType::q5_1},  {8, DataType::q8_0},  {12, DataType::q4_k},
      {13, DataType::q5_k}, {14, DataType::q6_k}, {30, DataType::bf16},
  };
  for (const auto& [id, type] : types) {
    const std::string data(row_bytes(type, 512), 'x');
    const auto source = open_gguf(directory.write("m.gguf", GgufBuilder().tensor("w", {256, 2}, id, data).build()));
    EXPECT_EQ(source->tensors().at(0).type, type) << id;
    EXPECT_EQ(text(*source->load(source->tensors()[0])), data) << id;
  }
}

TEST(Gguf, FloatsAreAlignedEvenWhereTheFileIsNot) {
  const TemporaryDirectory directory;
  GgufBuilder builder;
  builder.alignment = 1;
  builder.count("general.alignment", 1).tensor("pad", {1}, 24, "x").tensor("w", {1, 1}, 0, bytes_of(2.5f));
  const auto source = open_gguf(directory.write("m.gguf", builder.build()));
  const auto data = source->load(*source->find("w"));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data->bytes().data()) % 4, 0u);
  EXPECT_EQ(text(*data), bytes_of(2.5f));
}

TEST(Gguf, OtherTypesAreRefusedOnlyWhenAskedFor) {
  const TemporaryDirectory directory;
  const auto source = open_gguf(directory.write("m.gguf", GgufBuilder()
                                                              .tensor("coarse", {256}, 10, std::string(84, 'x'))
                                                              .tensor("new", {256}, 77, std::string(1, 'x'))
                                                              .tensor("w", {1}, 0, bytes_of(1.0f))
                                                              .build()));
  ASSERT_EQ(source->tensors().size(), 1u);
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->find("coarse"); }),
                       "tensor coarse has type Q2_K; gemring computes with F32, F16, BF16, Q8_0"));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->find("new"); }),
                       "tensor new has type 77, which is unknown; gemring computes with"));
}

TEST(Gguf, ScalesThatAreNoNumbersAreRefusedInEveryBlockType) {
  struct Scale {
    std::uint32_t id;
    DataType type;
    std::size_t offset;
  };
  const Scale scales[] = {
      {2, DataType::q4_0, 0},  {3, DataType::q4_1, 0},  {3, DataType::q4_1, 2},  {6, DataType::q5_0, 0},
      {7, DataType::q5_1, 0},  {7, DataType::q5_1, 2},  {8, DataType::q8_0, 0},  {12, DataType::q4_k, 0},
      {12, DataType::q4_k, 2}, {13, DataType::q5_k, 0}, {13, DataType::q5_k, 2}, {14, DataType::q6_k, 208},
  };
  const TemporaryDirectory directory;
  for (const auto& [id, type, offset] : scales) {
    for (const std::string& bad : {kNan, kInfinite}) {
      std::string data(block_bytes(type) * 5, '\1');
      data.replace(block_bytes(type) * 3 + offset, 2, bad);
      const auto source =
          open_gguf(directory.write("m.gguf", GgufBuilder().tensor("w", {block_elements(type), 5}, id, data).build()));
      const std::string error = error_of<ModelFileError>([&] { source->load(source->tensors()[0]); });
      EXPECT_TRUE(contains(
          error, "m.gguf: tensor w has a scale that is NaN or infinite in block 3 of " + std::string(name(type))));
    }
  }
}

TEST(Gguf, EveryScaleOfALargeTensorIsLookedAt) {
  constexpr std::size_t kBlocks = 200'000;  // several pieces for the threads, and a rest
  const TemporaryDirectory directory;
  for (const std::size_t bad : {std::size_t{0}, std::size_t{70'001}, kBlocks - 1}) {
    std::string data(kBlocks * 18, '\1');
    data.replace(bad * 18, 2, kNan);
    const auto source = open_gguf(directory.write("m.gguf", GgufBuilder().tensor("w", {32, kBlocks}, 2, data).build()));
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->load(source->tensors()[0]); }), " of q4_0")) << bad;
  }
}

TEST(Gguf, NormsAndBiasesAreFiniteToo) {
  const TemporaryDirectory directory;
  const std::pair<std::uint32_t, std::string> vectors[] = {
      {0, bytes_of(1.0f, std::nanf(""))}, {1, bytes_of(std::uint16_t{0x3c00}) + kInfinite}, {30, bytes_of(0x7f803f80)}};
  for (const auto& [id, data] : vectors) {
    const auto source = open_gguf(
        directory.write("m.gguf", GgufBuilder().tensor("norm", {2}, id, data).tensor("w", {2, 1}, id, data).build()));
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->load(*source->find("norm")); }),
                         "tensor norm has NaN or an infinity as element 1"));
    source->load(*source->find("w"));  // a matrix is not read
  }
}

TEST(Gguf, TheFingerprintFollowsHeaderAndValues) {
  const TemporaryDirectory directory;
  const auto fingerprint = [&](const GgufBuilder& builder, const char* file = "m.gguf") {
    return open_gguf(directory.write(file, builder.build()))->fingerprint();
  };
  const auto reference = fingerprint(GgufBuilder().count("k", 1).tensor("w", {1}, 0, bytes_of(1.0f)));
  EXPECT_EQ(fingerprint(GgufBuilder().count("k", 1).tensor("w", {1}, 0, bytes_of(1.0f)), "other.gguf"), reference);
  EXPECT_NE(fingerprint(GgufBuilder().count("k", 2).tensor("w", {1}, 0, bytes_of(1.0f))), reference);
  EXPECT_NE(fingerprint(GgufBuilder().count("k", 1).tensor("v", {1}, 0, bytes_of(1.0f))), reference);
  EXPECT_NE(fingerprint(GgufBuilder().count("k", 1).tensor("w", {1}, 0, bytes_of(2.0f))), reference);
}

/// Three parts with tensors a, b and c.
class SplitGguf : public ::testing::Test {
 protected:
  SplitGguf() {
    for (std::uint16_t i = 0; i < 3; ++i) write(i, part(i));
  }

  static std::string name_of(int i) { return "m-0000" + std::to_string(i + 1) + "-of-00003.gguf"; }
  static GgufBuilder part(std::uint16_t i, std::uint16_t count = 3, std::int32_t tensors = 3) {
    GgufBuilder builder;
    if (i == 0) builder.text("general.architecture", "llama");
    builder.split(i, count, tensors);
    return builder.tensor(std::string(1, static_cast<char>('a' + i)), {1}, 0, bytes_of(static_cast<float>(i)));
  }
  void write(int i, const GgufBuilder& builder) const { directory_.write(name_of(i), builder.build()); }
  std::string open(int i = 0) const {
    return error_of<ModelFileError>([&] { open_gguf(directory_.file(name_of(i))); });
  }

  TemporaryDirectory directory_;
};

TEST_F(SplitGguf, AnyPartGivesAllTensorsAndTheFirstOnesMetadata) {
  for (int i = 0; i < 3; ++i) {
    const auto source = open_gguf(directory_.file(name_of(i)));
    ASSERT_EQ(source->tensors().size(), 3u);
    EXPECT_EQ(text(*source->load(*source->find("c"))), bytes_of(2.0f));
    EXPECT_EQ(source->location("b"), directory_.file(name_of(1)));
    EXPECT_EQ(source->fingerprint(), open_gguf(directory_.file(name_of(0)))->fingerprint());
    const GgufMetadata metadata = read_gguf_metadata(directory_.file(name_of(i)));
    EXPECT_EQ(metadata.text("general.architecture"), "llama");
    EXPECT_EQ(metadata.file(), directory_.file(name_of(0)));
  }
}

TEST_F(SplitGguf, AMissingPartIsNamed) {
  std::filesystem::remove(directory_.file(name_of(1)));
  EXPECT_TRUE(contains(open(), name_of(1) + ": is missing; the model has 3 parts"));
  std::filesystem::remove(directory_.file(name_of(0)));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { read_gguf_metadata(directory_.file(name_of(2))); }),
                       name_of(0) + ": is missing"));
}

TEST_F(SplitGguf, PartsThatDisagreeAreRefused) {
  write(1, part(2));
  EXPECT_TRUE(contains(open(), name_of(1) + ": says it is part 3 of 3, its name says 2 of 3"));
  write(1, part(1, 4));
  EXPECT_TRUE(contains(open(), "says it is part 2 of 4, its name says 2 of 3"));
  write(1, GgufBuilder().count("k", 1));
  EXPECT_TRUE(contains(open(), "says it is part 1 of 1, its name says 2 of 3"));
  write(1, part(1, 3, 5));
  EXPECT_TRUE(contains(open(), "says another number of tensors than the first part"));
  GgufBuilder same = GgufBuilder().split(1, 3, 3).tensor("a", {1}, 0, bytes_of(1.0f));
  write(1, same);
  EXPECT_TRUE(contains(open(), "tensor a is in " + directory_.file(name_of(0)) + " too"));
  for (std::uint16_t i = 0; i < 3; ++i) write(i, part(i, 3, 4));
  EXPECT_TRUE(contains(open(), "says that the parts have 4 tensors; they have 3"));
}

TEST_F(SplitGguf, APartUnderAnotherNameIsRefused) {
  std::filesystem::rename(directory_.file(name_of(1)), directory_.file("mine.gguf"));
  const std::string error = error_of<ModelFileError>([&] { open_gguf(directory_.file("mine.gguf")); });
  EXPECT_TRUE(contains(error, "is part 2 of 3 of a model by what it says, and not by its name"));
  EXPECT_TRUE(contains(error, "NAME-00002-of-00003.gguf"));
}

TEST_F(SplitGguf, PartsThatCatJoinedAreToldFromAPartUnderAnotherName) {
  const std::string joined = part(0).build() + part(1).build() + part(2).build();
  const std::string said = "holds the 3 parts of a split model one behind the other, as cat joins them";
  for (const char* name : {"joined.gguf", "joined-00001-of-00003.gguf"}) {
    const std::string path = directory_.write(name, joined);
    const std::string error = error_of<ModelFileError>([&] { open_gguf(path); });
    EXPECT_TRUE(contains(error, path + ": " + said));
    EXPECT_TRUE(contains(error, "llama-gguf-split --merge"));
  }
  EXPECT_TRUE(
      contains(error_of<ModelFileError>([&] { read_gguf_metadata(directory_.write("x.gguf", joined)); }), "no error"))
      << "the pairs of the first are those of the model";
}

TEST_F(SplitGguf, APartBeyondTheLastIsRefused) {
  write(0, part(3));
  EXPECT_TRUE(contains(open(), "says it is one of 3 parts, and not which one"));
  write(0, GgufBuilder().pair("split.count", test::kU16, bytes_of(std::uint16_t{3})));
  EXPECT_TRUE(contains(open(), "says it is one of 3 parts, and not which one"));
}

TEST(Gguf, TheGoldenFilesOpen) {
  const char* shared = std::getenv("GEMRING_SHARED_DATA");
  if (shared == nullptr) GTEST_SKIP() << "GEMRING_SHARED_DATA is not set";
  const std::filesystem::path folder = std::filesystem::path(shared) / "golden" / "gguf";
  if (!std::filesystem::is_directory(folder)) GTEST_SKIP() << folder << " is missing";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    ++files;
    const GgufMetadata metadata = read_gguf_metadata(entry.path().string());
    EXPECT_TRUE(metadata.text("general.architecture").has_value()) << entry.path();
    EXPECT_EQ(metadata.texts("tokenizer.ggml.tokens")->size(), 2048u) << entry.path();
    const auto source = open_gguf(entry.path().string());
    EXPECT_GT(source->tensors().size(), 15u) << entry.path();
    for (const TensorInfo& info : source->tensors()) EXPECT_EQ(source->load(info)->bytes().size(), info.bytes);
  }
  EXPECT_GT(files, 0u);
}

}  // namespace
}  // namespace gemring

#include "engine/weights/safetensors/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "engine/base/check.h"
#include "tests/engine/weights/loaded.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::bytes_of;
using test::contains;
using test::error_of;
using test::safetensors;
using test::TemporaryDirectory;
using test::text;

/// One f32 tensor of one element.
std::string one_tensor(const std::string& name, float value = 1.0f) {
  return safetensors(R"({")" + name + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", bytes_of(value));
}

std::string index(const std::string& weight_map) {
  return R"({"metadata":{"total_size":8},"weight_map":)" + weight_map + "}";
}

TEST(Checkpoint, ASingleFileGivesItsTensorsSortedByName) {
  const TemporaryDirectory directory;
  directory.write("model.safetensors", safetensors(R"({"z":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]},)"
                                                   R"("e":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},)"
                                                   R"("a":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]}})",
                                                   "halfbf16"));
  const auto source = open_checkpoint(directory.path());
  ASSERT_EQ(source->tensors().size(), 3u);
  EXPECT_EQ(source->tensors()[0].name, "a");
  EXPECT_EQ(source->tensors()[0].type, DataType::bf16);
  EXPECT_EQ(source->tensors()[2].name, "z");
  EXPECT_EQ(source->tensors()[2].shape, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(source->tensors()[2].bytes, 4u);
  EXPECT_EQ(text(*source->load(*source->find("z"))), "half");
  EXPECT_EQ(text(*source->load(*source->find("a"))), "bf16");
  EXPECT_TRUE(source->load(*source->find("e"))->bytes().empty());
  EXPECT_EQ(source->find("b"), nullptr);
  EXPECT_EQ(source->location("z"), directory.file("model.safetensors"));
}

TEST(Checkpoint, RowsAreMappedOnTheirOwn) {
  const TemporaryDirectory directory;
  directory.write("model.safetensors", safetensors(R"({"v":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},)"
                                                   R"("w":{"dtype":"F16","shape":[3,2],"data_offsets":[2,14]}})",
                                                   "vvaabbccddeeff"));
  const auto source = open_checkpoint(directory.path());
  EXPECT_EQ(text(*source->load_rows(*source->find("w"), 1, 2)), "ccddeeff");
  EXPECT_THROW(source->load_rows(*source->find("v"), 0, 1), InternalError);  // one dimension
}

TEST(Checkpoint, BytesAreAlignedForTheirTypeEvenWhereTheFileIsNot) {
  const TemporaryDirectory directory;
  directory.write("model.safetensors", safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                                   R"("w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})",
                                                   bytes_of(char{0}, 0.5f, 2.0f)));
  const auto source = open_checkpoint(directory.path());
  const auto data = source->load(*source->find("w"));
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(data->bytes().data()) % alignof(float), 0u);
  const auto* values = reinterpret_cast<const float*>(data->bytes().data());
  EXPECT_EQ(values[0], 0.5f);
  EXPECT_EQ(values[1], 2.0f);
}

TEST(Checkpoint, TypesThatAreNotComputedWithAreRefusedOnlyWhenAskedFor) {
  const TemporaryDirectory directory;
  directory.write("model.safetensors", safetensors(R"({"ids":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                                                   R"("w":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                                                   std::string(12, 'x')));
  const auto source = open_checkpoint(directory.path());
  ASSERT_EQ(source->tensors().size(), 1u);
  const std::string problem = "tensor ids has type I64; gemring computes with F32, F16 and BF16";
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->find("ids"); }), problem));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->load({"ids", DataType::f32, {1}, 8}); }), problem));
}

TEST(Checkpoint, ANormThatIsNoNumberIsRefused) {
  const TemporaryDirectory directory;
  for (const float bad : {std::nanf(""), -INFINITY}) {
    directory.write("model.safetensors", one_tensor("norm", bad));
    const auto source = open_checkpoint(directory.path());
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->load(*source->find("norm")); }),
                         "tensor norm has NaN or an infinity as element 0"));
  }
}

TEST(Checkpoint, ShardsOfAnIndexAreOneCheckpoint) {
  const TemporaryDirectory directory;
  directory.write("one.safetensors", one_tensor("a", 1.0f));
  directory.write("two.safetensors", one_tensor("b", 2.0f));
  directory.write("model.safetensors.index.json", index(R"({"b":"two.safetensors","a":"one.safetensors"})"));
  const auto source = open_checkpoint(directory.path());
  ASSERT_EQ(source->tensors().size(), 2u);
  EXPECT_EQ(text(*source->load(*source->find("b"))), bytes_of(2.0f));
  EXPECT_EQ(source->location("b"), directory.file("two.safetensors"));
}

TEST(Checkpoint, EveryBrokenIndexIsRefusedWithItsReason) {
  const TemporaryDirectory directory;
  directory.write("one.safetensors", one_tensor("a"));
  directory.write("again.safetensors", one_tensor("a"));
  directory.write("two.safetensors", one_tensor("b"));
  const std::pair<std::string, std::string> table[] = {
      {"[]", "model.safetensors.index.json: holds no JSON object"},
      {"{}", "has no weight_map"},
      {index("{}"), "has no weight_map"},
      {index(R"({"a":1})"), "names no file for tensor a"},
      {index(R"({"a":"one.safetensors","a":"one.safetensors"})"), "names a twice"},
      {index(R"({"a":"../one.safetensors"})"), "names \"../one.safetensors\" for tensor a"},
      {index(R"({"a":"/etc/passwd"})"), "names \"/etc/passwd\" for tensor a"},
      {index(R"({"a":".."})"), "names \"..\" for tensor a"},
      {index(R"({"a":""})"), "names \"\" for tensor a"},
      {index(R"({"a":"three.safetensors"})"), "three.safetensors: is missing; model.safetensors.index.json names it"},
      {index(R"({"b":"one.safetensors"})"), "one.safetensors: has no tensor b"},
      {index(R"({"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"})"),
       "one.safetensors: has no tensor b"},
      {index(R"({"a":"one.safetensors","x":"again.safetensors"})"), "one.safetensors: tensor a is in "},
  };
  for (const auto& [content, problem] : table) {
    directory.write("model.safetensors.index.json", content);
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { open_checkpoint(directory.path()); }), problem)) << content;
  }
}

TEST(Checkpoint, ADirectoryWithoutACheckpointSaysWhatItLacks) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { open_checkpoint(directory.path()); }),
                       directory.path() + ": holds neither model.safetensors nor model.safetensors.index.json"));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { open_checkpoint(directory.file("none")); }),
                       "there is no such file or directory"));
}

TEST(Checkpoint, AnImpossiblePathIsRefusedWithTheSystemsWords) {
  EXPECT_TRUE(
      contains(error_of<ModelFileError>([] { open_checkpoint(std::string(5000, 'd')); }), "File name too long"));
}

TEST(Checkpoint, TheFingerprintFollowsNamesHeadersAndSizesButNotThePlace) {
  const TemporaryDirectory first, second, third;
  const std::string wider =
      safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", bytes_of(1.0f, 1.0f));
  first.write("model.safetensors", one_tensor("a"));
  second.write("model.safetensors", one_tensor("a"));
  third.write("model.safetensors", wider);
  const auto reference = open_checkpoint(first.path())->fingerprint();
  EXPECT_EQ(open_checkpoint(second.path())->fingerprint(), reference);
  EXPECT_NE(open_checkpoint(third.path())->fingerprint(), reference);
  first.write("model.safetensors", one_tensor("b"));
  EXPECT_NE(open_checkpoint(first.path())->fingerprint(), reference);
}

TEST(Checkpoint, TheFingerprintTellsWeightsOfEqualShapeApart) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const TemporaryDirectory base, tuned;
  base.write("model.safetensors", safetensors(header, bytes_of(1.0f, 1.0f)));
  tuned.write("model.safetensors", safetensors(header, bytes_of(1.0f, 1.5f)));
  EXPECT_NE(open_checkpoint(base.path())->fingerprint(), open_checkpoint(tuned.path())->fingerprint());
}

TEST(Checkpoint, AFileThatShrankBeforeItsTensorIsLoadedIsRefused) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("model.safetensors", one_tensor("a"));
  const auto source = open_checkpoint(directory.path());
  std::filesystem::resize_file(path, 20);
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { source->load(source->tensors()[0]); }),
                       "the file shrank while it was in use"));
}

TEST(Checkpoint, AReplacedFileIsReadAsItWasChecked) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("model.safetensors", one_tensor("a", 1.0f));
  const auto source = open_checkpoint(directory.path());
  directory.write("new", one_tensor("a", 9.0f));
  std::filesystem::rename(directory.file("new"), path);
  EXPECT_EQ(text(*source->load(source->tensors()[0])), bytes_of(1.0f));
}

TEST(Checkpoint, TheGoldenCheckpointsOpen) {
  const std::string golden = std::string(GEMRING_TEST_DATA) + "/golden/";
  // embedding, norm, output (not in smollm2, which ties it), and 9 tensors in each of 4, 5 and 6 layers
  const std::pair<const char*, std::size_t> expected[] = {{"llama-2", 39}, {"llama-3.1", 48}, {"smollm2", 56}};
  for (const auto& [family, tensors] : expected) {
    const auto source = open_checkpoint(golden + family);
    EXPECT_EQ(source->tensors().size(), tensors) << family;
    const TensorInfo* embedding = source->find("model.embed_tokens.weight");
    ASSERT_NE(embedding, nullptr) << family;
    EXPECT_EQ(embedding->shape.at(0), 320) << family;
    EXPECT_EQ(source->load(*embedding)->bytes().size(), embedding->bytes) << family;
  }
  EXPECT_EQ(open_checkpoint(golden + "llama-3.1")->find("lm_head.weight")->type, DataType::bf16);
  EXPECT_EQ(open_checkpoint(golden + "llama-3.1")->location("lm_head.weight"),
            golden + "llama-3.1/model-00004-of-00004.safetensors");
}

}  // namespace
}  // namespace gemring

#include "engine/weights/safetensors/safetensors_header.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;

ParsedHeader parse(std::string_view text) {
  return parse_safetensors_header("a.safetensors", text);
}

TEST(SafetensorsHeader, NamesTypesShapesAndOffsetsAreRead) {
  const ParsedHeader header =
      parse(R"({"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
            R"("b":{"shape":[],"data_offsets":[12,16],"dtype":"F32"}}  )");
  ASSERT_EQ(header.entries.size(), 2u);
  EXPECT_EQ(header.entries[0].name, "w");
  EXPECT_EQ(header.entries[0].type, "BF16");
  EXPECT_EQ(header.entries[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(header.entries[0].begin, 0u);
  EXPECT_EQ(header.entries[0].end, 12u);
  EXPECT_EQ(header.entries[1].name, "b");
  EXPECT_TRUE(header.entries[1].shape.empty());
  EXPECT_EQ(header.entries[1].begin, 12u);
  EXPECT_EQ(header.metadata, (std::map<std::string, std::string>{{"format", "pt"}}));
}

TEST(SafetensorsHeader, NoTensorsAreAnOrdinaryCase) {
  EXPECT_TRUE(parse("{}").entries.empty());
}

TEST(SafetensorsHeader, TheFormatsTypesHaveTheirSizes) {
  const std::pair<const char*, std::uint64_t> expected[] = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
      {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"F64", 8},     {"I64", 8}, {"U64", 8}};
  for (const auto& [type, bytes] : expected) EXPECT_EQ(safetensors_element_bytes(type), bytes) << type;
  EXPECT_EQ(safetensors_element_bytes("f32"), 0u);
}

struct BrokenHeader {
  std::string text;
  std::string problem;  // what the message must say
};

TEST(SafetensorsHeader, EveryBrokenHeaderIsRefusedWithItsReason) {
  using namespace std::string_literals;
  const std::string fine = R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const std::string long_name(1025, 'n');
  const BrokenHeader table[] = {
      {"", "does not begin with '{'"},
      {"[]", "does not begin with '{'"},
      {" {}", "does not begin with '{'"},
      {"\xEF\xBB\xBF{}", "does not begin with '{'"},
      {"{", "not valid JSON at byte"},
      {"{} {}", "not valid JSON at byte"},
      {"{}\0garbage"s, "zero byte"},
      {"{\"w\xff\":" + fine + "}", "not valid JSON at byte"},
      {R"({"w":)" + fine + R"(,"w":)" + fine + "}", "names w twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "names __metadata__ twice"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", "names a twice"},
      {R"({"__metadata__":{"a":1}})", "only strings belong there"},
      {R"({"__metadata__":{"a":{}}})", "has an object in __metadata__ under a"},
      {R"({"__metadata__":null})", "has null where the description of __metadata__ should stand"},
      {R"({"w":7})", "has a number where the description of w should stand"},
      {R"({"w":[1]})", "has an array where the description of w should stand"},
      {R"({"w":{"shape":[1],"data_offsets":[0,4]}})", "tensor w has no dtype"},
      {R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", "tensor w has no shape"},
      {R"({"w":{"dtype":"F32","shape":[1]}})", "tensor w has no data_offsets"},
      {R"({"w":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "tensor w has dtype twice"},
      {R"({"w":{"dtype":"F32","shape":[1],"offsets":[0,4]}})", "unknown field offsets"},
      {R"({"w":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}})", "tensor w has type F8_E8M0, which is unknown"},
      {R"({"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}})", "tensor w has type F4, which is unknown"},
      {R"({"w":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})", "tensor w has type C64, which is unknown"},
      {R"({"w":{"dtype":3,"shape":[1],"data_offsets":[0,4]}})", "tensor w has a number where dtype stands"},
      {R"({"w":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", "tensor w has a string where shape stands"},
      {R"({"w":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", "tensor w has an array where shape stands"},
      {R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "has -1 in shape, which is no natural number"},
      {R"({"w":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", "has 1.0 in shape, which is no natural number"},
      {R"({"w":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}})", "has true or false where shape stands"},
      {R"({"w":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}})", "which is no natural number"},
      {R"({"w":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,4]}})", "which is impossible"},
      {R"({"w":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", "more than 8 numbers in shape"},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "data_offsets has 1 numbers, not 2"},
      {R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", "data_offsets has 3 numbers, not 2"},
      {R"({")" + long_name + R"(":)" + fine + "}", "a tensor name of 1,025 bytes; at most 1,024"},
      {R"({"w\n":)" + fine + "}", "control character"},
  };
  for (const BrokenHeader& broken : table) {
    const std::string error = error_of<ModelFileError>([&] { parse(broken.text); });
    EXPECT_TRUE(contains(error, broken.problem)) << broken.text.substr(0, 100);
    EXPECT_TRUE(contains(error, "a.safetensors: "));
  }
}

TEST(SafetensorsHeader, DeepNestingIsRefusedBeforeItCostsMemory) {
  EXPECT_TRUE(
      contains(error_of<ModelFileError>([] { parse("{\"w\":" + std::string(1'000'000, '[')); }), "has an array"));
}

TEST(SafetensorsHeader, EightDimensionsAreAccepted) {
  const ParsedHeader header = parse(R"({"w":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})");
  EXPECT_EQ(header.entries.at(0).shape.size(), 8u);
}

}  // namespace
}  // namespace gemring

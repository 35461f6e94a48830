#include "engine/weights/json_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/files.h"

namespace gemring {
namespace {

using namespace std::string_literals;
using test::contains;
using test::error_of;
using test::TemporaryDirectory;

TEST(JsonFile, AnObjectIsRead) {
  const TemporaryDirectory directory;
  EXPECT_EQ(read_json_object(directory.write("a.json", R"({"a": [1, 2]})")).at("a").at(1), 2);
}

TEST(JsonFile, TheLastOfTwoEqualKeysWinsUnlessTheyAreRefused) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("a.json", R"({"a": 1, "b": {"c": 1}, "a": 2})");
  EXPECT_EQ(read_json_object(path).at("a"), 2);
  EXPECT_TRUE(
      contains(error_of<ModelFileError>([&] { read_json_object(path, DuplicateKeys::refuse); }), "names a twice"));
}

TEST(JsonFile, EqualKeysOfDifferentObjectsAreNoDuplicates) {
  const TemporaryDirectory directory;
  const std::string path = directory.write("a.json", R"({"a": {"a": 1}, "b": {"a": 2}})");
  EXPECT_EQ(read_json_object(path, DuplicateKeys::refuse).at("b").at("a"), 2);
}

TEST(JsonFile, DeepNestingIsRefused) {
  const TemporaryDirectory directory;
  const std::string deep = R"({"a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  const std::string path = directory.write("a.json", deep);
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { read_json_object(path); }), "nested deeper than 64 levels"));
}

TEST(JsonFile, WhatIsNoObjectIsRefused) {
  const TemporaryDirectory directory;
  const std::pair<std::string, const char*> table[] = {{"", "is not valid JSON"},
                                                       {"[1]", "holds no JSON object"},
                                                       {"{\"a\": \"\xff\"}", "is not valid JSON"},
                                                       {"{}\0{"s, "holds a zero byte"},
                                                       {"{\"a\":", "is not valid JSON"}};
  for (const auto& [content, problem] : table) {
    const std::string path = directory.write("a.json", content);
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { read_json_object(path); }), path + ": " + problem));
  }
}

}  // namespace
}  // namespace gemring

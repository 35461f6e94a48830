#include <gtest/gtest.h>

#include "engine/model/config.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryDirectory;

TEST(Profile, TheBundledModelNamesItsFilterLayer) {
  EXPECT_EQ(load_profile_filter_layer(GEMRING_DEMO_MODEL), LayerIndex(3));
}

TEST(Profile, LayerZeroIsNotTheSameAsNone) {
  const TemporaryDirectory directory;
  EXPECT_EQ(load_profile_filter_layer(directory.path()), std::nullopt);
  directory.write("gemring.json", "{}");
  EXPECT_EQ(load_profile_filter_layer(directory.path()), std::nullopt);
  directory.write("gemring.json", R"({"filter_layer": 0})");
  EXPECT_EQ(load_profile_filter_layer(directory.path()), LayerIndex(0));
}

TEST(Profile, WhatIsNoProfileIsRefusedWithItsReason) {
  const TemporaryDirectory directory;
  const std::string deep(100'000, '[');
  const std::pair<std::string, const char*> table[] = {
      {deep, "is no profile: it is nested deeper than 64 levels"},
      {R"({"filter_layer": )" + deep + std::string(100'000, ']') + "}", "it is nested deeper than 64 levels"},
      {"[3]", "is no profile: it is no JSON object"},
      {R"({"filter_layer": 3, "filer_layer": 4})", "filer_layer"},
      {R"({"filter_layer": "three"})", "is no profile"},
      {R"({"filter_layer": 3000000000})", "is no profile"},
      {"{", "is no profile"},
      {R"({"filter_layer": -1})", "filter_layer is -1; layers count from 0"},
  };
  for (const auto& [content, problem] : table) {
    directory.write("gemring.json", content);
    const std::string error = error_of<ConfigError>([&] { load_profile_filter_layer(directory.path()); });
    EXPECT_TRUE(contains(error, problem));
    EXPECT_TRUE(contains(error, directory.file("gemring.json")));
  }
}

}  // namespace
}  // namespace gemring

#include "engine/selection/profile_file.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryDirectory;

TEST(ProfileFile, TheBundledModelNamesItsFilterLayer) {
  const auto found = find_profile(GEMRING_DEMO_MODEL);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->profile, gemfilter_profile(LayerIndex(3)));
}

TEST(ProfileFile, LayerZeroIsNotTheSameAsNone) {
  const TemporaryDirectory directory;
  EXPECT_FALSE(find_profile(directory.path()));
  directory.write("gemring.json", "{}");
  EXPECT_FALSE(find_profile(directory.path()));
  directory.write("gemring.json", R"({"filter_layer": 0})");
  EXPECT_EQ(find_profile(directory.path())->profile, gemfilter_profile(LayerIndex(0)));
}

TEST(ProfileFile, BesideAGgufFileItsOwnComesBeforeThatOfTheDirectory) {
  const TemporaryDirectory directory;
  directory.write("small.gguf", "GGUF");
  directory.write("gemring.json", R"({"filter_layer": 4})");
  EXPECT_EQ(find_profile(directory.file("small.gguf"))->profile.filter_layer(), LayerIndex(4));
  directory.write("small.gemring.json", R"({"filter_layer": 5})");
  EXPECT_EQ(find_profile(directory.file("small.gguf"))->profile.filter_layer(), LayerIndex(5));
  EXPECT_EQ(find_profile(directory.file("small.gguf"))->path, directory.file("small.gemring.json"));
}

TEST(ProfileFile, EverythingThatAProfileSaysComesBack) {
  FilterProfile profile;
  profile.heads = {{LayerIndex(11), 9, 0.25f}, {LayerIndex(13), 1, 1}, {LayerIndex(13), std::nullopt, -2}};
  profile.normalisation = ScoreNormalisation::z_score;
  profile.queries = 8;
  profile.pool_width = 7;
  profile.window = 1024;
  profile.sinks = 4;
  profile.below_target = true;
  profile.unit = KeepUnit::sentences;
  profile.shape = ProfiledShape{28, 12, 151936};
  profile.fingerprint = "0x0123456789abcdef";
  profile.found = "by hand, \"today\"";
  EXPECT_EQ(parse_profile(profile_json(profile), "here"), profile);
  EXPECT_EQ(parse_profile(profile_json(gemfilter_profile(LayerIndex(0))), "here"), gemfilter_profile(LayerIndex(0)));
}

TEST(ProfileFile, WhatIsNoProfileIsRefusedWithItsReason) {
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
      {R"({"filter_layer": 1, "heads": [{"layer": 1}]})", "gives filter_layer and heads"},
      {R"({"pool": 5})", "neither filter_layer nor heads"},
      {R"({"heads": [{"layer": 1}, {"head": 3}]})", "head 1 of its list has no layer"},
      {R"({"filter_layer": 1, "pool": 4})", "pool is 4"},
      {R"({"filter_layer": 1, "unit": "words"})", "is no profile"},
      {R"({"filter_layer": 1, "unit": 9})", "unit is 9"},
      {R"({"filter_layer": 1, "layers": 4})", "all three or none"},
  };
  for (const auto& refused : table) {
    const std::string error = error_of<ConfigError>([&] { parse_profile(refused.first, "my/gemring.json"); });
    EXPECT_TRUE(contains(error, refused.second)) << error;
    EXPECT_TRUE(contains(error, "my/gemring.json")) << error;
  }
}

}  // namespace
}  // namespace gemring

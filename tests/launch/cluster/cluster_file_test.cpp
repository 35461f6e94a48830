#include "launch/cluster/cluster_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"

namespace gemring {
namespace {

std::string refusal(const std::string& text) {
  try {
    parse_cluster(text, "c.json");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ClusterFile, GroupsAreSymbolsOrRankNumbers) {
  const ClusterSpec spec = parse_cluster(
      R"({"filter": {"ranks": [0, 2]}, "stages": [{"group": {"symbol": "rest"}, "cut": 2, "layers": 3}], "chunk_length": 64})",
      "c.json");
  EXPECT_EQ(spec.name, "c.json");
  EXPECT_EQ(spec.chunk_length, 64);
  ASSERT_TRUE(spec.filter.has_value());
  EXPECT_EQ(spec.filter->symbol, GroupSpec::Symbol::none);
  EXPECT_EQ(spec.filter->ranks, (std::vector<RankId>{RankId(0), RankId(2)}));
  ASSERT_EQ(spec.stages.size(), 1u);
  EXPECT_EQ(spec.stages[0].group.symbol, GroupSpec::Symbol::rest);
  EXPECT_EQ(spec.stages[0].cut, 2);
  EXPECT_EQ(spec.stages[0].layers, 3);
}

TEST(ClusterFile, AGroupMayGiveShares) {
  const ClusterSpec spec = parse_cluster(R"({"filter": {"symbol": "all", "shares": [3, 1]}})", "c.json");
  EXPECT_EQ(spec.filter->shares, (Shares{3, 1}));
}

TEST(ClusterFile, AnEmptyObjectLeavesEverythingToTheProgram) {
  const ClusterSpec spec = parse_cluster("{}", "c.json");
  EXPECT_FALSE(spec.filter.has_value());
  EXPECT_TRUE(spec.stages.empty());
}

TEST(ClusterFile, AnUnknownFieldIsNamedWithTheFile) {
  const std::string text = refusal(R"({"stagez": []})");
  EXPECT_TRUE(text.starts_with("c.json: ")) << text;
  EXPECT_NE(text.find("stagez"), std::string::npos) << text;
}

TEST(ClusterFile, TextThatIsNoJsonIsRefused) {
  for (const char* text : {"filter: all", "[]", "", " \n3"}) {
    EXPECT_EQ(refusal(text), "c.json: is no cluster file: it is no JSON object") << text;
  }
  EXPECT_TRUE(refusal("{").starts_with("c.json: is no cluster"));
}

TEST(ClusterFile, TextThatIsNestedTooDeepIsRefusedAsThat) {
  for (const char* level : {"[", "{\"filter\": "}) {
    std::string text;
    for (int i = 0; i < 100'000; ++i) text += level;
    EXPECT_EQ(refusal(text), "c.json: is no cluster file: it is nested deeper than 64 levels");
  }
}

TEST(ClusterFile, AnUnknownSymbolIsNamed) {
  EXPECT_EQ(refusal(R"({"filter": {"symbol": "most"}})"), "c.json: filter: 'most' is no symbol");
}

TEST(ClusterFile, AGroupIsEitherASymbolOrRanks) {
  EXPECT_EQ(refusal(R"({"stages": [{"group": {}}]})"), "c.json: stages[0]: names no rank");
  EXPECT_EQ(refusal(R"({"stages": [{"group": {"symbol": "all", "ranks": [1]}}]})"),
            "c.json: stages[0]: has both a symbol and ranks");
}

TEST(ClusterFile, NegativeNumbersAreRefused) {
  EXPECT_EQ(refusal(R"({"filter": {"ranks": [0, -1]}})"), "c.json: filter: rank -1 is negative");
  EXPECT_EQ(refusal(R"({"chunk_length": -5})"), "c.json: chunk_length is -5");
  EXPECT_EQ(refusal(R"({"stages": [{"group": {"symbol": "all"}, "cut": -1}]})"), "c.json: cut is -1");
}

TEST(ClusterFile, StandardInputIsCalledSo) {
  EXPECT_EQ(parse_cluster("{}", "-").name, "standard input");
  EXPECT_EQ(parse_cluster("{}", "./-").name, "./-");
}

TEST(ClusterFile, AMissingFileIsAConfigError) {
  EXPECT_THROW(read_cluster_file("/nowhere/c.json"), ConfigError);
}

TEST(ClusterConfigs, EveryFileStatesItsPurposeAndFitsAnyNumberOfRanks) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GEMRING_CLUSTER_CONFIGS)) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    const std::string text = read_cluster_file(entry.path());
    EXPECT_GT(nlohmann::json::parse(text).at("purpose").get<std::string>().size(), 40u) << entry.path();
    const ClusterSpec spec = parse_cluster(text, entry.path());
    for (const int ranks : {1, 2, 3, 4, 7}) {
      for (const Method method : {Method::gemfilter, Method::full}) {
        EXPECT_NO_THROW(resolve(spec, ranks, method, 8)) << entry.path() << " with " << ranks << " ranks";
      }
    }
  }
  EXPECT_GE(files, 5);
}

}  // namespace
}  // namespace gemring

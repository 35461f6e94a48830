#include "launch/eval/methods.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace gemring {
namespace {

ModelConfig ten_layers() {
  ModelConfig config;
  config.layers.resize(10);
  return config;
}

std::string problem_of(const std::string& list, std::span<const MethodKind> kinds = method_kinds()) {
  return test::error_of<UsageError>([&] { parse_methods(list, kinds); });
}

TEST(Methods, ChangeWhatTheirNamesSay) {
  Options given;
  given.filter.selection.keep = 77;
  const std::vector<ChosenMethod> methods =
      parse_methods("full,gemfilter,gemfilter=3,profile,profile=a/b.json,filter-model=s.gguf");
  ASSERT_EQ(methods.size(), 6u);
  std::vector<Options> options;
  for (const ChosenMethod& method : methods) options.push_back(method.options(given, ten_layers()));
  EXPECT_EQ(options[0].filter.method, Method::full);
  EXPECT_EQ(options[1].filter.filter_layer, ten_layers().rule_of_thumb_filter_layer().value());
  EXPECT_EQ(options[2].filter.filter_layer, 3);
  EXPECT_EQ(options[3].filter.filter_layer, std::nullopt);
  EXPECT_EQ(options[3].filter.filter_profile, std::nullopt);
  EXPECT_EQ(options[4].filter.filter_profile, "a/b.json");
  EXPECT_EQ(options[5].filter.model, "s.gguf");
  EXPECT_EQ(options[4].filter.model, std::nullopt);
  EXPECT_EQ(methods[4].name, "profile=a/b.json");
  for (const Options& one : options) EXPECT_EQ(one.filter.selection.keep, 77) << "the rest stays";
}

TEST(Methods, WhatIsNoneIsRefusedWithAllNames) {
  EXPECT_EQ(problem_of("full,snap"),
            "--methods: 'snap' is no method | methods are full, gemfilter[=LAYER], profile[=FILE], filter-model=MODEL");
  EXPECT_TRUE(problem_of("").starts_with("--methods: '' is no method"));
  EXPECT_TRUE(problem_of("full=1").starts_with("--methods: full takes no argument"));
  EXPECT_TRUE(problem_of("filter-model").starts_with("--methods: filter-model wants filter-model=MODEL"));
  EXPECT_TRUE(problem_of("profile=").starts_with("--methods: profile= has nothing behind it"));
  EXPECT_TRUE(problem_of("full,full").starts_with("--methods: full is named twice"));
  EXPECT_TRUE(test::error_of<UsageError>([] {
                parse_methods("gemfilter=10").at(0).options({}, ten_layers());
              }).starts_with("--methods gemfilter: 10 is too large"));
}

TEST(Methods, AnotherOneIsARowOfTheRegistry) {
  std::vector<MethodKind> kinds(method_kinds().begin(), method_kinds().end());
  kinds.push_back({"snap", "TOKENS", true, "keeps part of the cache",
                   [](const std::string& argument, const ModelConfig& /*model*/, Options& options) {
                     options.filter.selection.keep = std::stoi(argument);
                   }});
  const std::vector<ChosenMethod> methods = parse_methods("full,snap=5", kinds);
  EXPECT_EQ(methods.at(1).options({}, ten_layers()).filter.selection.keep, 5);
  EXPECT_TRUE(problem_of("snap", kinds).starts_with("--methods: snap wants snap=TOKENS"));
}

}  // namespace
}  // namespace gemring

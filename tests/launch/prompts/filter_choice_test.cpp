#include "launch/prompts/filter_choice.h"

#include <gtest/gtest.h>

#include "engine/weights/made/random_tensors.h"
#include "launch/prompts/profile_cache.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryDirectory;

/// Qwen2.5-Coder-0.5B's shape without its weights: only the fingerprint is asked for.
OpenModel model_in(const TemporaryDirectory& directory, const std::string& published_name) {
  OpenModel model;
  model.name = directory.path();
  model.published_name = published_name;
  model.config.layers.resize(24);
  model.config.hidden = 896;
  model.config.ffn = 4864;
  model.config.heads = 14;
  model.config.kv_heads = 2;
  model.config.vocab = 151936;
  model.weights = random_tensors({});
  return model;
}

const std::vector<std::string> nobody = {"HOME=/nonexistent"};  // has no cache

TEST(ChooseFilter, EachSourceComesBeforeTheNext) {
  const TemporaryDirectory directory;
  const OpenModel model = model_in(directory, "Qwen2.5 Coder 0.5B");
  const OpenModel stranger = model_in(directory, "Somebody's 0.5B");
  FilterOptions options;

  FilterChoice choice = choose_filter(options, stranger, nobody);
  EXPECT_EQ(choice.profile, gemfilter_profile(LayerIndex(14)));  // 0.6 x 24 = 14.4
  EXPECT_EQ(choice.source, "rule of thumb");
  EXPECT_TRUE(contains(choice.warning, "only a rule of thumb"));

  choice = choose_filter(options, model, nobody);
  EXPECT_TRUE(contains(choice.source, "Qwen2.5-Coder-0.5B")) << choice.source;
  EXPECT_EQ(describe(choice.profile),
            "heads 11/1 13/13 (z-score), best of 16 queries, window 1024 + 4 sinks, sentences kept whole");
  EXPECT_EQ(choice.warning, "");

  const std::vector<std::string> user = {"HOME=/nonexistent", "XDG_CACHE_HOME=" + directory.file("cache")};
  const auto cached = cache_profile(user, model.weights->fingerprint(), gemfilter_profile(LayerIndex(17)));
  ASSERT_TRUE(cached.has_value());
  choice = choose_filter(options, model, user);
  EXPECT_EQ(choice.profile.filter_layer(), LayerIndex(17));
  EXPECT_EQ(choice.source, *cached);
  EXPECT_TRUE(contains(*cached, "cache/gemring/profiles/0x")) << *cached;

  directory.write("gemring.json", R"({"filter_layer": 20})");
  EXPECT_EQ(choose_filter(options, model, user).profile.filter_layer(), LayerIndex(20)) << "before the cache";
  choice = choose_filter(options, model, nobody);
  EXPECT_EQ(choice.profile.filter_layer(), LayerIndex(20));
  EXPECT_EQ(choice.source, directory.file("gemring.json"));

  directory.write("mine.json", R"({"heads": [{"layer": 11, "head": 1}, {"layer": 13, "head": 0}]})");
  options.filter_profile = directory.file("mine.json");
  choice = choose_filter(options, model, nobody);
  EXPECT_EQ(describe(choice.profile), "heads 11/1 13/0");

  options.filter_layer = 7;
  choice = choose_filter(options, model, nobody);
  EXPECT_EQ(choice.profile, gemfilter_profile(LayerIndex(7))) << "GemFilter as published";
  EXPECT_EQ(choice.source, "--filter-layer");
}

TEST(ChooseFilter, AnotherModelsProfileIsRefusedAndOtherWeightsOfItAreWarnedOf) {
  const TemporaryDirectory directory;
  const OpenModel model = model_in(directory, "Somebody's 0.5B");
  FilterOptions options;
  options.filter_profile = directory.file("p.json");
  const auto write = [&](const std::string& more) {
    directory.write("p.json", R"({"filter_layer": 13, )" + more + "}");
  };

  write(R"("layers": 24, "query_heads": 14, "vocab": 32000)");
  EXPECT_TRUE(contains(error_of<ConfigError>([&] { choose_filter(options, model, nobody); }),
                       "24 layers with 14 heads and 32000"));
  write(R"("layers": 24, "query_heads": 14, "vocab": 151936, "fingerprint": "0x01")");
  EXPECT_TRUE(contains(choose_filter(options, model, nobody).warning, "other weights of the same shape"));
  write(R"("fingerprint": ")" + fingerprint_text(model.weights->fingerprint()) + "\"");
  EXPECT_EQ(choose_filter(options, model, nobody).warning, "");
}

TEST(ChooseFilter, LayersOutsideTheModelAreRefused) {
  const TemporaryDirectory directory;
  const OpenModel model = model_in(directory, "Somebody's 0.5B");
  FilterOptions options;
  for (const int layer : {24, -1}) {
    options.filter_layer = layer;
    EXPECT_THROW(choose_filter(options, model, nobody), UsageError) << layer;
  }
  for (const int layer : {0, 23}) {
    options.filter_layer = layer;
    EXPECT_EQ(choose_filter(options, model, nobody).profile.filter_layer(), LayerIndex(layer));
  }
  options.filter_layer.reset();
  directory.write("gemring.json", R"({"filter_layer": 24})");
  EXPECT_THROW(choose_filter(options, model, nobody), ConfigError);
}

}  // namespace
}  // namespace gemring

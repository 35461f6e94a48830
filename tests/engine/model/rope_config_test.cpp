#include "engine/model/rope_config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;

RopeConfig read(const char* text) {
  const nlohmann::json parsed = nlohmann::json::parse(text);
  ModelConfig model;
  model.head_dim = 4;
  model.max_positions = 131072;
  return read_rope(JsonFields("config.json", parsed), model);
}

TEST(RopeConfig, PlainIsTheDefault) {
  EXPECT_EQ(read("{}"), RopeConfig{});
  EXPECT_EQ(read(R"({"rope_theta":10000.0,"rope_scaling":{"rope_type":"default"}})"), RopeConfig{});
  EXPECT_EQ(read(R"({"rope_parameters":{"rope_type":"default","rope_theta":10000}})"), RopeConfig{});
}

TEST(RopeConfig, ThetaComesFromEitherPlaceAndTheNewerOneWins) {
  EXPECT_EQ(read(R"({"rope_theta":5e5})").theta, 5e5);
  EXPECT_EQ(read(R"({"rope_parameters":{"rope_theta":7e5}})").theta, 7e5);
  EXPECT_EQ(read(R"({"rope_theta":5e5,"rope_parameters":{"rope_theta":7e5}})").theta, 7e5);
  EXPECT_EQ(read(R"({"rope_theta":5e5,"rope_parameters":{"rope_type":"default"}})").theta, 5e5);
}

TEST(RopeConfig, Llama3ScalingIsReadFromAllSpellings) {
  RopeConfig expected;
  expected.kind = RopeConfig::Kind::llama3;
  expected.theta = 500000;
  expected.factor = 32;
  expected.low_frequency_factor = 1;
  expected.high_frequency_factor = 4;
  expected.original_max_positions = 8192;
  const std::string figures =
      R"("factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192})";
  EXPECT_EQ(read((R"({"rope_theta":5e5,"rope_scaling":{"rope_type":"llama3",)" + figures + "}").c_str()), expected);
  EXPECT_EQ(read((R"({"rope_theta":5e5,"rope_scaling":{"type":"llama3",)" + figures + "}").c_str()), expected);
  EXPECT_EQ(read((R"({"rope_parameters":{"rope_theta":5e5,"rope_type":"llama3",)" + figures + "}").c_str()), expected);
}

TEST(RopeConfig, LongropeHasTwoListsAndAnAttentionFactor) {
  const std::string lists = R"("short_factor":[1,1.5],"long_factor":[2,40])";
  for (const std::string kind : {R"("type":"longrope")", R"("type":"su")", R"("rope_type":"longrope")"}) {
    const RopeConfig rope =
        read((R"({"original_max_position_embeddings":4096,"rope_scaling":{)" + kind + "," + lists + "}}").c_str());
    EXPECT_EQ(rope.kind, RopeConfig::Kind::divisors);
    EXPECT_EQ(rope.divisors, (std::vector<float>{1, 1.5f}));
    EXPECT_EQ(rope.long_divisors, (std::vector<float>{2, 40}));
    EXPECT_EQ(rope.original_max_positions, 4096);
    EXPECT_NEAR(rope.attention_factor, 1.190238, 1e-6);  // sqrt(1 + ln 32 / ln 4096)
  }
  const RopeConfig stated =
      read((R"({"rope_scaling":{"type":"longrope","attention_factor":1.25,)" + lists + "}}").c_str());
  EXPECT_EQ(stated.attention_factor, 1.25);
}

TEST(RopeConfig, YarnAndLinearAreRead) {
  const RopeConfig yarn = read(
      R"({"rope_scaling":{"type":"yarn","factor":4.0,"original_max_position_embeddings":32768,"truncate":false}})");
  EXPECT_EQ(yarn.kind, RopeConfig::Kind::yarn);
  EXPECT_EQ(yarn.factor, 4);
  EXPECT_EQ(yarn.original_max_positions, 32768);
  EXPECT_EQ(yarn.beta_fast, 32);
  EXPECT_EQ(yarn.beta_slow, 1);
  EXPECT_FALSE(yarn.truncate);
  EXPECT_NEAR(yarn.attention_factor, 1.138629, 1e-6);  // 0.1 ln 4 + 1
  const RopeConfig deepseek = read(R"({"rope_scaling":{"type":"yarn","factor":40,"mscale":1.0,"mscale_all_dim":1.0}})");
  EXPECT_EQ(deepseek.attention_factor, 1);
  EXPECT_EQ(read(R"({"rope_scaling":{"type":"linear","factor":2.5}})").kind, RopeConfig::Kind::linear);
}

TEST(RopeConfig, ListsOfAnotherLengthAreRefused) {
  const auto problem = [](const char* lists) {
    return error_of<ModelFileError>(
        [&] { read(fmt::format(R"({{"rope_scaling":{{"type":"longrope",{}}}}})", lists).c_str()); });
  };
  EXPECT_TRUE(contains(problem(R"("short_factor":[1,2,3],"long_factor":[1,2])"), "needs 2 numbers, half of a head"));
  EXPECT_TRUE(contains(problem(R"("short_factor":[1,2])"), "long_factor is missing"));
  EXPECT_TRUE(contains(problem(R"("short_factor":[1,0],"long_factor":[1,2])"), "numbers above 0"));
  EXPECT_TRUE(contains(problem(R"("short_factor":[1,"2"],"long_factor":[1,2])"), "numbers above 0"));
}

TEST(RopeConfig, OtherKindsAreRefusedByName) {
  for (const std::string kind : {"dynamic", "proportional"}) {
    for (const std::string object : {"rope_scaling", "rope_parameters"}) {
      const std::string text = fmt::format(R"({{"{}":{{"rope_type":"{}","factor":2.0}}}})", object, kind);
      EXPECT_TRUE(contains(error_of<ConfigError>([&] { read(text.c_str()); }),
                           "config.json: rope scaling of type " + kind +
                               " is not supported; known: default, linear, llama3, yarn, longrope"));
    }
  }
  EXPECT_TRUE(
      contains(error_of<ConfigError>([] { read(R"({"partial_rotary_factor":0.5})"); }), "partial_rotary_factor"));
  EXPECT_TRUE(contains(error_of<ConfigError>([] { read(R"({"rope_interleaved":true})"); }), "rope_interleaved"));
  EXPECT_TRUE(
      contains(error_of<ConfigError>([] { read(R"({"rope_parameters":{"full_attention":{"rope_theta":1}}})"); }),
               "of its own for full_attention layers"));
}

TEST(RopeConfig, ImpossibleFiguresAreRefusedWithFieldAndValue) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"rope_theta":0})", "rope_theta is 0"},
      {R"({"rope_theta":-1.0})", "rope_theta is -1.0"},
      {R"({"rope_theta":"a"})", "rope_theta is \"a\""},
      {R"({"rope_scaling":3})", "rope_scaling is 3; an object is needed"},
      {R"({"rope_scaling":{"rope_type":"llama3"}})", "factor is missing; llama3 scaling needs it"},
      {R"({"rope_scaling":{"rope_type":"llama3","factor":0.5,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8}})",
       "factor is 0.5; 1 or more is needed"},
      {R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}})",
       "high_freq_factor is 4; more than low_freq_factor, 4, is needed"},
  };
  for (const auto& [text, problem] : table) {
    EXPECT_TRUE(contains(error_of<ModelFileError>([&, json = text] { read(json); }), problem));
  }
}

}  // namespace
}  // namespace gemring

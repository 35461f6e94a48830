#include "engine/model/config.h"

#include <gtest/gtest.h>

#include "engine/model/tensors.h"
#include "engine/weights/made/random_tensors.h"
#include "engine/weights/safetensors/checkpoint.h"
#include "tests/engine/model/memory_tensors.h"
#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryDirectory;
using test::windows;

const std::string kGolden = std::string(GEMRING_TEST_DATA) + "/golden/";

constexpr const char* kFamilyFolders[] = {"llama-2",         "llama-3.1", "smollm2", "mistral-nemo",
                                          "mistral-sliding", "phi-3.5",   "qwen2",   "qwen3"};

/// The fields that every config must have, followed by `more` (which may give a field again: the last one counts).
std::string config(const std::string& more = "") {
  return R"({"model_type":"llama","num_hidden_layers":2,"hidden_size":64,"num_attention_heads":4,"intermediate_size":96,)"
         R"("vocab_size":100,"max_position_embeddings":2048)" +
         (more.empty() ? "}" : "," + more + "}");
}

ModelConfig load(const std::string& json) {
  const TemporaryDirectory directory;
  return load_model_config_file(directory.write("config.json", json));
}

TEST(ModelConfig, DefaultsAreThoseOfTheFamily) {
  const ModelConfig model = load(config());
  EXPECT_EQ(model.family, "llama");
  EXPECT_EQ(model.layer_count(), 2);
  EXPECT_EQ(model.hidden, 64);
  EXPECT_EQ(model.heads, 4);
  EXPECT_EQ(model.kv_heads, 4);
  EXPECT_EQ(model.head_dim, 16);
  EXPECT_EQ(model.ffn, 96);
  EXPECT_EQ(model.vocab, 100);
  EXPECT_EQ(model.max_positions, 2048);
  EXPECT_FLOAT_EQ(model.norm_epsilon, 1e-6f);
  EXPECT_FALSE(model.tied_embeddings);
  EXPECT_EQ(model.weight_type, DataType::f32);
  EXPECT_EQ(model.ropes, std::vector{RopeConfig()});
  EXPECT_TRUE(model.end_tokens.empty());
}

TEST(ModelConfig, AHeadWidthInTheConfigIsNeverDerived) {
  const ModelConfig model = load(config(R"("head_dim":64,"num_key_value_heads":2)"));
  EXPECT_EQ(model.head_dim, 64);
  EXPECT_EQ(model.query_width(), 256);
  EXPECT_EQ(model.kv_width(), 128);
}

TEST(ModelConfig, NullCountsAsAbsent) {
  EXPECT_EQ(load(config(R"("head_dim":null,"num_key_value_heads":null,"sliding_window":null,"rope_scaling":null,)"
                        R"("eos_token_id":null,"quantization_config":null)")),
            load(config()));
}

TEST(ModelConfig, BothSpellingsOfTheGoldenConfigsAreTheSameModel) {
  for (const std::string family : kFamilyFolders) {
    EXPECT_EQ(load_model_config_file(kGolden + family + "/config.json"),
              load_model_config_file(kGolden + family + "/config.v5.json"))
        << family;
  }
}

TEST(ModelConfig, TheGoldenLlama31IsReadWhole) {
  const ModelConfig model = load_model_config(kGolden + "llama-3.1");
  EXPECT_EQ(model.layer_count(), 5);
  EXPECT_EQ(model.hidden, 96);
  EXPECT_EQ(model.heads, 6);
  EXPECT_EQ(model.kv_heads, 2);
  EXPECT_EQ(model.head_dim, 16);
  EXPECT_EQ(model.ffn, 224);
  EXPECT_EQ(model.vocab, 320);
  EXPECT_FLOAT_EQ(model.norm_epsilon, 1e-5f);
  EXPECT_EQ(model.weight_type, DataType::bf16);
  EXPECT_EQ(model.ropes.front().kind, RopeConfig::Kind::llama3);
  EXPECT_EQ(model.ropes.front().theta, 500000);
  EXPECT_EQ(model.ropes.front().factor, 8);
  EXPECT_EQ(model.ropes.front().low_frequency_factor, 1);
  EXPECT_EQ(model.ropes.front().high_frequency_factor, 4);
  EXPECT_EQ(model.ropes.front().original_max_positions, 128);
  EXPECT_EQ(model.end_tokens, (std::vector<TokenId>{TokenId(2)}));
}

TEST(ModelConfig, FamiliesDifferInTheirProjections) {
  const ModelConfig qwen2 = load_model_config(kGolden + "qwen2");
  EXPECT_EQ(qwen2.layers, std::vector(qwen2.layers.size(), LayerShape{.qkv_bias = true}));
  EXPECT_FALSE(qwen2.fused_projections);
  const ModelConfig qwen3 = load_model_config(kGolden + "qwen3");
  EXPECT_EQ(qwen3.layers, std::vector(qwen3.layers.size(), LayerShape{.qk_norm = true}));
  EXPECT_TRUE(load_model_config(kGolden + "phi-3.5").fused_projections);
  const ModelConfig biased = load(config(R"("attention_bias":true,"mlp_bias":true)"));
  EXPECT_EQ(biased.layers, std::vector(2, LayerShape{.qkv_bias = true, .o_bias = true, .mlp_bias = true}));
}

TEST(ModelConfig, WindowsAreOfTheLayersThatTheFamilySays) {
  EXPECT_EQ(windows(load_model_config(kGolden + "mistral-sliding")), (std::vector<std::int32_t>(4, 24)));
  EXPECT_EQ(windows(load_model_config(kGolden + "mistral-nemo")), (std::vector<std::int32_t>(5, kNoWindow)));
  const std::string qwen = R"("model_type":"qwen2","sliding_window":40)";
  const std::vector<std::int32_t> none(2, kNoWindow);
  EXPECT_EQ(windows(load(config(qwen + R"(,"use_sliding_window":false,"max_window_layers":1)"))), none);
  EXPECT_EQ(windows(load(config(qwen + R"(,"use_sliding_window":true,"max_window_layers":1)"))),
            (std::vector<std::int32_t>{kNoWindow, 40}));
  EXPECT_EQ(windows(load(config(qwen + R"(,"layer_types":["sliding_attention","full_attention"])"))),
            (std::vector<std::int32_t>{40, kNoWindow}));
  // A window as long as the model's range leaves nothing out (Phi-3.5 states 262,144).
  EXPECT_EQ(windows(load(config(R"("model_type":"mistral","sliding_window":2048)"))), none);
}

TEST(ModelConfig, ARangeThatRopeStretchesIsTheStretchedOne) {
  const auto positions = [](const std::string& scaling) {
    return load(config(R"("rope_scaling":)" + scaling)).max_positions;
  };
  EXPECT_EQ(positions(R"({"type":"linear","factor":4})"), 8192);
  EXPECT_EQ(positions(R"({"type":"yarn","factor":4,"original_max_position_embeddings":2048})"), 8192);
  EXPECT_EQ(positions(R"({"type":"yarn","factor":2,"original_max_position_embeddings":1024})"), 2048);
  EXPECT_EQ(positions(R"({"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,)"
                      R"("original_max_position_embeddings":256})"),
            2048);
}

TEST(ModelConfig, TheBundledModelStopsAtBothOfItsEndTokens) {
  EXPECT_EQ(load_model_config(GEMRING_DEMO_MODEL).end_tokens, (std::vector<TokenId>{TokenId(0), TokenId(2)}));
}

TEST(ModelConfig, EndTokensOfBothFilesAreMergedWithoutRepeats) {
  const TemporaryDirectory directory;
  directory.write("config.json", config(R"("eos_token_id":7)"));
  directory.write("generation_config.json", R"({"eos_token_id":[9,7,9]})");
  EXPECT_EQ(load_model_config(directory.path()).end_tokens, (std::vector<TokenId>{TokenId(7), TokenId(9)}));
  directory.write("tokenizer.json", R"({"added_tokens": [{"id": 9, "content": "<|endoftext|>", "special": true},
                                                         {"id": 3, "content": "<|im_end|>", "special": true},
                                                         {"id": 4, "content": "<|im_start|>", "special": true},
                                                         {"id": 5, "content": "<|fim_pad|>", "special": false}]})");
  EXPECT_EQ(load_model_config(directory.path()).end_tokens, (std::vector<TokenId>{TokenId(7), TokenId(9), TokenId(3)}))
      << "and the special tokens that end an answer by their text";
}

TEST(ModelConfig, NoGenerationConfigIsAnOrdinaryCase) {
  const TemporaryDirectory directory;
  directory.write("config.json", config(R"("eos_token_id":[7])"));
  EXPECT_EQ(load_model_config(directory.path()).end_tokens, (std::vector<TokenId>{TokenId(7)}));
}

TEST(ModelConfig, AnEndTokenBeyondTheVocabularyIsLeftOut) {
  EXPECT_EQ(load(config(R"("eos_token_id":[5,100])")).end_tokens, (std::vector<TokenId>{TokenId(5)}));
}

TEST(ModelConfig, WeightTypesOfBothSpellingsAreRead) {
  EXPECT_EQ(load(config(R"("torch_dtype":"float16")")).weight_type, DataType::f16);
  EXPECT_EQ(load(config(R"("dtype":"bfloat16")")).weight_type, DataType::bf16);
}

TEST(ModelConfig, TheRuleOfThumbIs60PercentOfTheLayers) {
  const std::pair<std::int32_t, std::int32_t> table[] = {{32, 19}, {28, 17}, {16, 10}, {8, 5}, {2, 1}, {1, 0}};
  for (const auto& [layers, expected] : table) {
    ModelConfig model;
    model.layers.resize(static_cast<std::size_t>(layers));
    EXPECT_EQ(model.rule_of_thumb_filter_layer(), LayerIndex(expected)) << layers;
  }
}

struct Refused {
  std::string more;
  std::string problem;
};

TEST(ModelConfig, EveryUnsupportedFeatureIsRefusedByName) {
  const Refused table[] = {
      {R"("model_type":"mamba")", "family mamba is not supported; known: llama, mistral, phi3, qwen2, qwen3"},
      {R"("architectures":["LlamaForSequenceClassification"])", "LlamaForSequenceClassification"},
      {R"("hidden_act":"gelu")", "hidden_act gelu is not supported"},
      {R"("sliding_window":4096)", "sliding_window of 4096 is not supported for llama"},
      {R"("layer_types":["full_attention","linear_attention"])", "layers of type \"linear_attention\""},
      {R"("quantization_config":{"bits":4})", "quantization_config"},
      {R"("torch_dtype":"float64")", "torch_dtype float64 is not supported"},
      {R"("dtype":"int8")", "dtype int8 is not supported"},
  };
  for (const Refused& refused : table) {
    EXPECT_TRUE(contains(error_of<ConfigError>([&] { load(config(refused.more)); }), refused.problem));
  }
}

TEST(ModelConfig, EveryImpossibleFigureIsRefusedWithItsFieldAndValue) {
  const Refused table[] = {
      {R"("model_type":null)", "model_type is missing"},
      {R"("model_type":3)", "model_type is 3"},
      {R"("architectures":"LlamaForCausalLM")", "architectures is \"LlamaForCausalLM\""},
      {R"("num_hidden_layers":0)", "num_hidden_layers is 0; a whole number from 1 to 2147483647 is needed"},
      {R"("num_hidden_layers":-1)", "num_hidden_layers is -1"},
      {R"("num_hidden_layers":10001)", "10001 layers; at most 10000"},
      {R"("hidden_size":2147483648)", "hidden_size is 2147483648"},
      {R"("hidden_size":18446744073709551615)", "hidden_size is 18446744073709551615"},
      {R"("hidden_size":64.5)", "hidden_size is 64.5"},
      {R"("hidden_size":"64")", "hidden_size is \"64\""},
      {R"("hidden_size":66)", "the hidden size, 66, must be a multiple of the number of heads, 4"},
      {R"("vocab_size":null)", "vocab_size is missing"},
      {R"("intermediate_size":0)", "intermediate_size is 0"},
      {R"("max_position_embeddings":0)", "max_position_embeddings is 0"},
      {R"("num_attention_heads":0)", "num_attention_heads is 0"},
      {R"("num_key_value_heads":3)", "3 key and value heads; they must divide the 4 query heads"},
      {R"("num_key_value_heads":8)", "8 key and value heads"},
      {R"("head_dim":15)", "heads are 15 wide; the rotary embedding needs an even width"},
      {R"("hidden_size":12)", "heads are 3 wide"},
      {R"("head_dim":1073741824)", "4 heads of 1073741824 are 4294967296 wide together, beyond 2147483647"},
      {R"("rms_norm_eps":0)", "rms_norm_eps is 0; a number above 0 is needed"},
      {R"("rms_norm_eps":"1e-5")", "rms_norm_eps is \"1e-5\""},
      {R"("tie_word_embeddings":1)", "tie_word_embeddings is 1; true or false is needed"},
      {R"("model_type":"mistral","sliding_window":0)", "sliding_window is 0"},
      {R"("model_type":"qwen2","layer_types":["full_attention"])", "a list of 2 kinds of layers"},
      {R"("eos_token_id":-1)", "eos_token_id is -1"},
      {R"("eos_token_id":[1,"2"])", "eos_token_id is [1,\"2\"]"},
  };
  for (const Refused& refused : table) {
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { load(config(refused.more)); }), refused.problem));
  }
}

TEST(ModelConfig, FiguresThatWouldMakeEveryResultNanAreRefused) {
  const std::string longrope = R"("rope_scaling":{"type":"longrope","long_factor":[1,1,1,1,1,1,1,1],"short_factor":)";
  const Refused table[] = {
      {R"("head_dim":65538)", "heads are 65538 wide; at most 65536"},
      {R"("rms_norm_eps":1e300)", "epsilon of the norms is beyond f32"},
      {R"("rope_theta":1e-300)", "beyond f32"},
      {R"("rope_theta":1,"rope_scaling":{"type":"yarn","factor":4.0})", "beyond f32"},
      {longrope + R"([1,1,1,1,1,1,1,1]},"original_max_position_embeddings":1)", "beyond f32"},
      {longrope + R"([1e-38,1,1,1,1,1,1,1]})", "beyond f32"},
      {longrope + R"([1,1,1,1,1,1,1,1],"attention_factor":1e300})", "beyond f32"},
  };
  for (const Refused& refused : table) {
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { load(config(refused.more)); }), refused.problem))
        << refused.more;
  }
}

TEST(ModelConfig, ACutFileIsRefusedWhereverItIsCut) {
  const std::string whole = config();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_TRUE(contains(error_of<ModelFileError>([&] { load(whole.substr(0, length)); }), "is not valid JSON"));
  }
}

TEST(ModelConfig, MissingAndBrokenFilesAreNamed) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { load_model_config(directory.file("none")); }),
                       "there is no such file or directory"));
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { load_model_config(directory.path()); }),
                       directory.file("config.json") + ": there is no such file"));
  directory.write("config.json", config());
  directory.write("generation_config.json", "{");
  EXPECT_TRUE(contains(error_of<ModelFileError>([&] { load_model_config(directory.path()); }),
                       directory.file("generation_config.json") + ": is not valid JSON"));
}

TEST(ExpectedTensors, TheGoldenCheckpointsHaveExactlyThese) {
  for (const std::string family : kFamilyFolders) {
    const ModelConfig model = load_model_config(kGolden + family);
    const auto source = open_checkpoint(kGolden + family);
    const auto expected = expected_tensors(model, model.weight_type);
    EXPECT_EQ(expected.size(), source->tensors().size()) << family;
    for (const TensorInfo& info : expected) {
      const TensorInfo* stored = source->find(info.name);
      ASSERT_NE(stored, nullptr) << family << " " << info.name;
      EXPECT_EQ(stored->shape, info.shape) << family << " " << info.name;
      EXPECT_EQ(stored->bytes, info.bytes) << family << " " << info.name;
      EXPECT_EQ(stored->type, info.type) << family << " " << info.name;
    }
  }
}

TEST(ExpectedTensors, BlocksAreForMatricesWithRowsOfWholeBlocks) {
  ModelConfig model = load(config());
  model.hidden = 256;  // and ffn 96
  for (const TensorInfo& info : expected_tensors(model, DataType::q4_k)) {
    const bool blocks = info.shape.size() == 2 && info.shape[1] == 256;
    EXPECT_EQ(info.type, blocks ? DataType::q4_k : DataType::bf16) << info.name;
    if (info.name == "lm_head.weight") {
      EXPECT_EQ(info.bytes, 100u * 144);
    }
    if (info.name == "model.layers.0.mlp.down_proj.weight") {
      EXPECT_EQ(info.bytes, 256u * 96 * 2);
    }
  }
}

TEST(ExpectedTensors, RandomWeightsOfAConfigCanBeMade) {
  ModelConfig model = load(config());
  const auto infos = expected_tensors(model, DataType::bf16);
  ASSERT_EQ(infos.size(), 1u + 2 * 9 + 1 + 1);
  EXPECT_EQ(infos.front().name, "model.embed_tokens.weight");
  EXPECT_EQ(infos.front().bytes, 100u * 64 * 2);
  EXPECT_EQ(infos.back().name, "lm_head.weight");
  const auto source = random_tensors(infos);
  EXPECT_EQ(source->load(*source->find("model.layers.1.mlp.down_proj.weight"))->bytes().size(), 64u * 96 * 2);
}

}  // namespace
}  // namespace gemring

// How far a bf16 matmul and one in 8 bits, and keys, values and messages in bf16, are from the reference: mean KL
// divergence of the logits, every instruction set.
#include <gtest/gtest.h>

#include <ostream>

#include "distributed/session/session.h"
#include "engine/kernels/kernel_table.h"
#include "engine/model/model_files.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/engine/kernels/every_isa.h"
#include "tests/engine/kernels/use_compute.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

constexpr double kBf16Divergence = 1e-3;
constexpr double kInt8Divergence = 5e-3;  // one scale for 32 activations

/// A model, and the names of its golden logits.
struct Case {
  std::string name;    // of the test
  std::string model;   // below tests/data/golden
  std::string golden;  // file of ids.N and `logits`N
  std::string logits;
  std::string tokens;  // N

  friend std::ostream& operator<<(std::ostream& out, const Case& one) { return out << one.name; }
};

std::string folder() {
  return std::string(GEMRING_TEST_DATA) + "/golden/";
}

class ComputeGolden : public testing::TestWithParam<Case> {
 protected:
  ComputeGolden()
      : files_(open_model_files(folder() + GetParam().model)),
        golden_(open_safetensors(folder() + GetParam().golden)) {}

  /// Of the last four tokens, known to rank 0. A step takes `chunk` tokens (0: by the prompt's length).
  double mean_divergence(std::int32_t chunk, const ComputeOptions& options = {}) {
    const int stages = world().size() <= files_.config.layer_count() ? 0 : 2;  // 0: one of each rank
    const ClusterSpec spec{.name = "stages",
                           .filter = test::all_ranks(),
                           .stages = {{.group = test::all_ranks(), .cut = stages}},
                           .chunk_length = chunk};
    const ClusterPlan plan = resolve(spec, world().size(), Method::full, files_.config.layer_count());
    Session session(world(), files_.config, *files_.weights, plan, gemfilter_profile(LayerIndex(0)), options);
    const auto vocab = static_cast<std::size_t>(files_.config.vocab);
    std::vector<float> expected = read_f32_tensor(golden_, GetParam().logits + GetParam().tokens);
    expected.erase(expected.begin(), expected.end() - static_cast<std::ptrdiff_t>(4 * vocab));
    const std::vector<float> logits = session.logits(test::ids_of(golden_, "ids." + GetParam().tokens), 4);
    return world().member() == 0 ? test::mean_divergence(expected, logits, vocab) : 0;
  }

  ModelFiles files_;
  SafetensorsFile golden_;
};

TEST_P(ComputeGolden, Bf16) {
  for (const Isa isa : test::isas_of_this_machine()) {
    if (kernels_of(isa).tiles.multiply == nullptr) continue;
    const test::UseIsa use_isa(isa);
    const test::UseCompute use({.many = ComputeType::bf16, .many_blocks = ComputeType::bf16});
    const double divergence = mean_divergence(0);
    EXPECT_LT(divergence, kBf16Divergence) << name(isa);
    if (world().member() != 0) continue;
    EXPECT_GT(divergence, 1e-9) << name(isa) << ": products do not seem to run in bf16";
    RecordProperty("divergence", std::to_string(divergence));
  }
}

/// Products in f32: what the cache alone costs, on several ranks also messages between stages.
TEST_P(ComputeGolden, CacheAndMessagesInBf16) {
  const double exact = mean_divergence(0);
  const double divergence = mean_divergence(0, test::stored_as(DataType::bf16, DataType::bf16));
  EXPECT_LT(divergence, kBf16Divergence);
  if (world().member() != 0) return;
  EXPECT_NE(divergence, exact) << "keys and values do not seem to be rounded";
  RecordProperty("divergence", std::to_string(divergence));
  RecordProperty("exact", std::to_string(exact));
}

class ComputeGoldenInBlocks : public ComputeGolden {};

TEST_P(ComputeGoldenInBlocks, Int8OfManyTokens) {
  for (const Isa isa : test::isas_of_this_machine()) {
    if (kernels_of(isa).int8.multiply == nullptr) continue;
    const test::UseIsa use_isa(isa);
    const test::UseCompute use({.many_blocks = ComputeType::int8});
    const double divergence = mean_divergence(0);
    EXPECT_LT(divergence, kInt8Divergence) << name(isa);
    if (world().member() != 0) continue;
    EXPECT_GT(divergence, 1e-9) << name(isa) << ": products do not seem to run in 8 bits";
    RecordProperty("divergence", std::to_string(divergence));
  }
}

TEST_P(ComputeGoldenInBlocks, Int8OfOneToken) {
  for (const Isa isa : test::isas_of_this_machine()) {
    if (isa != Isa::portable && isa < Isa::avx512vnni) continue;  // the same plain loops
    const test::UseIsa use_isa(isa);
    const test::UseCompute use({.few = ComputeType::int8});
    const double divergence = mean_divergence(1);  // tokens one by one, as in decode
    EXPECT_LT(divergence, kInt8Divergence) << name(isa);
    if (world().member() != 0) continue;
    EXPECT_GT(divergence, 1e-9) << name(isa) << ": products do not seem to run in 8 bits";
    RecordProperty("divergence", std::to_string(divergence));
  }
}

Case safetensors(const std::string& model) {
  std::string name = model;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return {name, model, model + "/golden.safetensors", "logits.", "131"};
}

Case gguf(const std::string& architecture, const std::string& type) {
  return {architecture + "_" + type, "gguf/" + architecture + "-" + type + ".gguf",
          "gguf/" + architecture + ".golden.safetensors", "logits." + type + ".", "40"};
}

const auto kInBlocks = {gguf("llama", "Q8_0"),   gguf("llama", "Q4_0"), gguf("llama", "Q4_1"),
                        gguf("llama", "Q5_0"),   gguf("llama", "Q5_1"), gguf("llama", "Q4_K_M"),
                        gguf("llama", "Q5_K_M"), gguf("llama", "Q6_K"), gguf("phi3", "Q4_K_M")};
const auto kAsPublished = {safetensors("llama-3.1"), safetensors("mistral-sliding"), safetensors("phi-3.5"),
                           safetensors("qwen2"), safetensors("qwen3")};
const auto name_of = [](const auto& test_info) { return test_info.param.name; };

INSTANTIATE_TEST_SUITE_P(Published, ComputeGolden, testing::ValuesIn(kAsPublished), name_of);
INSTANTIATE_TEST_SUITE_P(Blocks, ComputeGolden, testing::ValuesIn(kInBlocks), name_of);
INSTANTIATE_TEST_SUITE_P(Blocks, ComputeGoldenInBlocks, testing::ValuesIn(kInBlocks), name_of);

}  // namespace
}  // namespace gemring

// Logits of small GGUF files of every block type (tests/data/golden/gguf/README.md has the tolerances).
#include <gtest/gtest.h>

#include "distributed/session/session.h"
#include "engine/model/model_files.h"
#include "engine/model/weights.h"
#include "tests/distributed/session/golden_data.h"
#include "tests/support/mpi_world.h"

namespace gemring {
namespace {

using test::ids_of;

constexpr double kTolerance = 1e-5;  // mean KL divergence, f32 activations

/// "llama-Q4_0": a file, and logits.Q4_0.N in llama.golden.safetensors.
class GgufGolden : public testing::TestWithParam<std::string> {
 protected:
  static std::string folder() { return std::string(GEMRING_TEST_DATA) + "/golden/gguf/"; }
  std::string architecture() const { return GetParam().substr(0, GetParam().find('-')); }
  std::string type() const { return GetParam().substr(GetParam().find('-') + 1); }

  void expect_golden_logits(Session& session, std::int32_t vocab, const std::string& plan) const {
    const SafetensorsFile golden = open_safetensors(folder() + architecture() + ".golden.safetensors");
    for (const std::string n : {"5", "40", "300"}) {
      const std::vector<float> expected = read_f32_tensor(golden, "logits." + type() + "." + n);
      const std::vector<float> logits = session.logits(ids_of(golden, "ids." + n), 4);
      if (world().member() != 0) continue;
      EXPECT_EQ(logits.size(), expected.size());
      if (logits.size() != expected.size()) continue;
      EXPECT_LT(test::mean_divergence(expected, logits, static_cast<std::size_t>(vocab)), kTolerance)
          << plan << ", n = " << n;
    }
  }
};

TEST_P(GgufGolden, LogitsAreThoseOfTheDequantisedWeights) {
  const ModelFiles files = open_model_files(folder() + GetParam() + ".gguf");
  check_tensors(*files.weights, files.config);
  for (const auto& [name, plan, isa] : test::settings(world().size(), Method::full, files.config.layer_count())) {
    const test::UseIsa use(isa);
    Session session(world(), files.config, *files.weights, plan, gemfilter_profile(LayerIndex(0)), {});
    expect_golden_logits(session, files.config.vocab, name);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GgufGolden,
                         testing::Values("llama-F16", "llama-BF16", "llama-Q8_0", "llama-Q4_0", "llama-Q4_1",
                                         "llama-Q5_0", "llama-Q5_1", "llama-Q4_K_M", "llama-Q5_K_M", "llama-Q6_K",
                                         "qwen2-Q8_0", "qwen2-Q4_K_M", "phi3-Q8_0", "phi3-Q4_K_M"),
                         [](const auto& test_info) {
                           std::string name = test_info.param;
                           name[name.find('-')] = '_';
                           return name;
                         });

}  // namespace
}  // namespace gemring

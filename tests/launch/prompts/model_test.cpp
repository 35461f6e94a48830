#include "launch/prompts/model.h"

#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace gemring {
namespace {

TEST(OpenModel, TheDemoModelOpensAndNamesItsFingerprint) {
  const auto world = one_rank_communicator();
  Job job{*world, {}, {"here"}};
  Options options;
  options.model_directory = GEMRING_DEMO_MODEL;
  const OpenModel model = open_model(job, options);
  EXPECT_GT(model.config.layer_count(), 0);
  EXPECT_NE(model.weights->fingerprint(), 0u);
  EXPECT_EQ(fingerprint_text(0x12ab), "0x00000000000012ab");
}

TEST(OpenModel, AMissingDirectoryIsAModelFileError) {
  const auto world = one_rank_communicator();
  Job job{*world, {}, {"here"}};
  Options options;
  options.model_directory = "/nowhere";
  try {
    open_model(job, options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::model_file);
  }
}

}  // namespace
}  // namespace gemring

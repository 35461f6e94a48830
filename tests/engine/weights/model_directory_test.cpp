#include "engine/weights/model_directory.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace gemring {
namespace {

using test::contains;
using test::error_of;
using test::TemporaryDirectory;

std::string refusal(const std::string& path) {
  return error_of<ModelFileError>([&] { require_model_directory(path); });
}

TEST(ModelDirectory, ACheckpointPassesWhateverElseLiesInIt) {
  const TemporaryDirectory directory;
  EXPECT_EQ(refusal(directory.path()), "no error") << "what it lacks is said by who reads it";
  directory.write("a.gguf", "GGUF");
  directory.write("config.json", "{}");
  EXPECT_EQ(refusal(directory.path()), "no error");
}

TEST(ModelDirectory, AFileThatIsNoModelIsToldWhatToGive) {
  const TemporaryDirectory directory;
  EXPECT_TRUE(contains(refusal(directory.write("model.bin", "PK")), "is neither a directory nor a GGUF file"));
  EXPECT_TRUE(contains(refusal(directory.write("model.bin", "PK")), "give a .gguf file, or the directory of"));
  for (const char* name : {"config.json", "model.safetensors"}) {
    const std::string error = refusal(directory.write(name, "{}"));
    EXPECT_TRUE(contains(error, "is one file of a checkpoint")) << name;
    EXPECT_TRUE(contains(error, "give its directory, " + directory.path())) << name;
  }
  EXPECT_TRUE(contains(refusal(directory.file("none")), "there is no such file or directory"));
}

TEST(ModelDirectory, AFolderOfGgufFilesNamesThem) {
  const TemporaryDirectory directory;
  const std::string first = directory.write("b.gguf", "GGUF");
  EXPECT_TRUE(contains(refusal(directory.path()), "holds GGUF files and no config.json: " + first));
  EXPECT_TRUE(contains(refusal(directory.path()), "| give " + first));
  const std::string second = directory.write("a.gguf", "GGUF");
  EXPECT_TRUE(contains(refusal(directory.path()), second + ", " + first));
  EXPECT_TRUE(contains(refusal(directory.path()), "give one of them"));
  for (int i = 0; i < 6; ++i) directory.write("c" + std::to_string(i) + ".gguf", "");
  EXPECT_TRUE(contains(refusal(directory.path()), " and 2 more"));
}

TEST(ModelDirectory, AFolderOfTheHubsCacheNamesItsSnapshots) {
  const TemporaryDirectory cache;
  const std::string model = cache.file("models--org--name");
  std::filesystem::create_directories(model + "/snapshots/abc123");
  std::filesystem::create_directories(model + "/blobs");
  EXPECT_TRUE(
      contains(refusal(model), "is a folder of the hub's cache; its snapshots are " + model + "/snapshots/abc123"));
  EXPECT_TRUE(contains(refusal(model), "| give " + model + "/snapshots/abc123"));
  for (const char* end : {"/snapshots", "/snapshots/", "/snapshots/.", "/blobs/../snapshots"}) {
    EXPECT_TRUE(contains(refusal(model + end), "is a folder of the hub's cache; its snapshots are " + model)) << end;
    EXPECT_TRUE(contains(refusal(model + end), "abc123")) << end;
  }
  EXPECT_TRUE(contains(refusal(cache.path()), "is the hub's cache; it holds " + model));
  std::filesystem::remove(model + "/snapshots/abc123");
  EXPECT_TRUE(contains(refusal(model), "its snapshots are none"));
}

}  // namespace
}  // namespace gemring

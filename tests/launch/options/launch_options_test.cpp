#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>

#include "engine/base/error.h"
#include "launch/options/options.h"
#include "launch/options/options_message.h"

namespace gemring {
namespace {

using Words = std::vector<std::string>;

Words launch(const Words& more) {
  Words words = {"launch", "slurm", "--model", "m", "--prompt-file", "p"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string problem(const Words& words) {
  try {
    parse_command_line(words);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(LaunchOptions, WhatGenerateKnowsGoesIntoTheJobAndTheRestDoesNot) {
  const Options options =
      parse_command_line(launch({"--nodes", "3", "--keep", "5", "--chat", "--question", "a b"})).options;
  EXPECT_EQ(options.command, Command::launch);
  EXPECT_EQ(options.job.nodes, 3);
  EXPECT_EQ(options.job.generate_words, (Words{"--prompt-file", "p", "--question", "a b", "--chat", "--keep", "5"}));
  EXPECT_EQ(options.model_directory, "m");
  EXPECT_EQ(options.filter.selection.keep, 5);
}

TEST(LaunchOptions, ModelsAreNoWordsOfGenerateForTheJobMayFindThemElsewhere) {
  const Options options = parse_command_line(launch({"--filter-model", "f", "--filter-model-there", "/f"})).options;
  EXPECT_EQ(options.job.generate_words, (Words{"--prompt-file", "p"}));
  EXPECT_EQ(options.filter.model, "f");
  EXPECT_EQ(options.job.filter_model_there, "/f");
  EXPECT_EQ(problem(launch({"--filter-model-there", "/f"})),
            "--filter-model-there: means nothing without --filter-model");
}

TEST(LaunchOptions, AValueThatLooksLikeAnOptionStaysAValue) {
  EXPECT_EQ(parse_command_line(launch({"--question=--json x"})).options.job.generate_words,
            (Words{"--prompt-file", "p", "--question=--json x"}));
}

TEST(LaunchOptions, WhatTheEnvironmentSaysIsWrittenIntoTheJob) {
  setenv("GEMRING_TEMPERATURE", "0.5", 1);
  setenv("GEMRING_CHAT", "0", 1);
  const Options options = parse_command_line(launch({})).options;
  unsetenv("GEMRING_TEMPERATURE");
  unsetenv("GEMRING_CHAT");
  EXPECT_EQ(options.job.generate_words, (Words{"--prompt-file", "p", "--temperature", "0.5"}));
}

TEST(LaunchOptions, TheOptionsOfTheRequestMayStandBehindASeparator) {
  const Options options =
      parse_command_line({"launch", "pbs", "--nodes", "2", "--", "--model", "m", "--prompt", "p"}).options;
  EXPECT_EQ(options.job.nodes, 2);
  EXPECT_EQ(options.job.generate_words, (Words{"--prompt", "p"}));
}

TEST(LaunchOptions, LinesOfShellAreKeptInOrder) {
  EXPECT_EQ(parse_command_line(launch({"--before", "a b", "--nodes", "2", "--before", "c"})).options.job.before,
            (Words{"a b", "c"}));
}

TEST(LaunchOptions, MistakesAreNamed) {
  EXPECT_NE(problem({"launch", "slurm", "--model", "m"}).find("no prompt"), std::string::npos);
  EXPECT_NE(problem({"launch", "lsf", "--model", "m"}).find("slurm|pbs|kubernetes|apptainer"), std::string::npos);
  EXPECT_NE(problem(launch({"--nodes", "0"})).find("--nodes"), std::string::npos);
  EXPECT_EQ(problem(launch({"--queue", "q"})), "--queue: means nothing but for pbs");
  EXPECT_EQ(problem({"launch", "apptainer", "--model", "m", "--prompt", "p", "--image", "i", "--account", "a"}),
            "--account: means nothing but for slurm and pbs");
  EXPECT_EQ(problem({"launch", "kubernetes", "--model", "m", "--prompt", "p", "--image", "i", "--before", "x"}),
            "--before: means nothing for kubernetes: no shell runs there");
  EXPECT_NE(problem(launch({"--time", "90"})).find("'90' is no time"), std::string::npos);
  EXPECT_NE(problem(launch({"--time", "0:00:00"})).find("--time"), std::string::npos);
  EXPECT_NE(problem(launch({"--partition", "a b"})).find("--partition"), std::string::npos);
  EXPECT_NE(problem(launch({"--account", "x\n#SBATCH --uid=0"})).find("--account"), std::string::npos);
  EXPECT_NE(problem(launch({"--name", "-x"})).find("--name"), std::string::npos);
  EXPECT_NE(problem(launch({"--memory-per-node", "0"})).find("--memory-per-node"), std::string::npos);
  EXPECT_NE(problem(launch({"--program=-x"})).find("--program"), std::string::npos);
  EXPECT_NE(problem({"launch", "kubernetes", "--model", "m", "--prompt", "p"}).find("--image"), std::string::npos);
  EXPECT_NE(
      problem({"launch", "kubernetes", "--model", "m", "--prompt", "p", "--image", "i", "--name", "A"}).find("--name"),
      std::string::npos);
  EXPECT_NE(problem({"launch", "kubernetes", "--model", "m", "--prompt", "p", "--image", "i", "--claim", "c"})
                .find("--claim-path go together"),
            std::string::npos);
}

TEST(LaunchOptions, TheAdviceForAnImageNamesAFileThatIsThere) {
  for (const char* system : {"kubernetes", "apptainer"}) {
    SCOPED_TRACE(system);
    try {
      parse_command_line({"launch", system, "--model", "m", "--prompt", "p"});
      FAIL();
    } catch (const UsageError& error) {
      const std::string& advice = error.text().advice;
      std::smatch file;
      ASSERT_TRUE(std::regex_search(advice, file, std::regex("launch/[\\w/.]+"))) << advice;
      EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::path(GEMRING_ROOT) / file.str())) << advice;
    }
  }
}

TEST(LaunchOptions, TravelToTheOtherRanks) {
  const Options options = parse_command_line(launch({"--nodes", "7", "--time", "1:00:00", "--before", "x", "--launcher",
                                                     "mpirun", "--memory-per-node", "1.5"}))
                              .options;
  const Options received = from_message(option_table(), to_message(option_table(), options));
  EXPECT_EQ(received.job.nodes, 7);
  EXPECT_EQ(received.job.time, "1:00:00");
  EXPECT_EQ(received.job.before, Words{"x"});
  EXPECT_EQ(received.job.launcher, SlurmLauncher::mpirun);
  EXPECT_EQ(received.job.memory_per_node_gib, 1.5);
  EXPECT_EQ(received.job.generate_words, options.job.generate_words);
}

}  // namespace
}  // namespace gemring

#include "launch/options/environment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "launch/options/option.h"
#include "launch/options/parse.h"

namespace gemring {
namespace {

using Names = std::vector<std::string>;

TEST(Environment, AnOptionsVariableIsItsNameInCapitals) {
  EXPECT_EQ(option_variable("--max-new-tokens"), "GEMRING_MAX_NEW_TOKENS");
  EXPECT_EQ(option_variable("--keep"), "GEMRING_KEEP");
}

TEST(Environment, MisspeltVariablesOfOursAreFoundAndOthersAreNot) {
  EXPECT_EQ(unknown_variables({"GEMRING_KEPE=3", "GEMRING_KEEP=4", "GEMRING_ISA=avx2", "HOME=/", "XGEMRING_A=1"},
                              {"GEMRING_KEEP"}),
            Names{"GEMRING_KEPE"});
}

TEST(Environment, EveryOptionOfEveryCommandHasAVariable) {
  const Names names = option_variables();
  for (const char* name : {"GEMRING_MODEL", "GEMRING_PROMPT_IDS", "GEMRING_LAST", "GEMRING_RANKS",
                           "GEMRING_REPETITIONS", "GEMRING_LOG_ALL_RANKS", "GEMRING_PROMPT"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

TEST(Environment, OmpNumThreadsIsItsFirstNumber) {
  EXPECT_EQ(omp_num_threads({"OMP_NUM_THREADS=4"}), 4);
  EXPECT_EQ(omp_num_threads({"OMP_NUM_THREADS=4,2"}), 4);
  EXPECT_EQ(omp_num_threads({"OMP_NUM_THREADS=many"}), 0);
  EXPECT_EQ(omp_num_threads({"OMP_NUM_THREADS=-3"}), 0);
  EXPECT_EQ(omp_num_threads({"OMP_NUM_THREADS_X=5"}), 0);
  EXPECT_EQ(omp_num_threads({}), 0);
}

TEST(Environment, OfLogLevelAndVerboseTheLastCounts) {
  const auto with = [](const Names& more, const Names& environment) {
    Names words = {"generate", "--model", "m", "--prompt", "p"};
    words.insert(words.end(), more.begin(), more.end());
    return parse_command_line(option_table(), words, environment).options;
  };
  const auto level = [&](const Names& more, const Names& environment = {}) {
    return with(more, environment).output.log.level;
  };
  EXPECT_EQ(level({"--log-level", "warn", "-v"}), LogLevel::info);
  EXPECT_EQ(level({"-v", "--log-level", "warn"}), LogLevel::warn);
  EXPECT_EQ(level({"-v", "--log-level", "warn", "--verbose"}), LogLevel::info);
  EXPECT_EQ(level({"--log-level", "debug", "-v"}), LogLevel::info);
  EXPECT_EQ(level({"-v", "--log-level", "debug"}), LogLevel::debug);
  EXPECT_EQ(level({"-v"}, {"GEMRING_LOG_LEVEL=error"}), LogLevel::info);  // the command line wins
  EXPECT_EQ(level({"--log-level", "error"}, {"GEMRING_VERBOSE=1"}), LogLevel::error);
  EXPECT_EQ(level({}, {"GEMRING_LOG_LEVEL=error", "GEMRING_VERBOSE=1"}), LogLevel::info);
  EXPECT_EQ(level({"--log-level", "debug", "--verbose=false"}), LogLevel::debug);
  EXPECT_EQ(level({"--verbose=false"}, {"GEMRING_LOG_LEVEL=error"}), LogLevel::error);
  const Names launch = {"launch", "slurm", "--model", "m", "--prompt", "p", "-v", "--log-level", "warn"};
  const Options job = parse_command_line(option_table(), launch, {}).options;
  EXPECT_EQ(job.job.generate_words, (Names{"--prompt", "p", "--log-level", "warn"}));
}

}  // namespace
}  // namespace gemring

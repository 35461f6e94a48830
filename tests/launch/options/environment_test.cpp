#include "launch/options/environment.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "launch/options/options.h"

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

}  // namespace
}  // namespace gemring

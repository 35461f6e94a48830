// Environment variables of the program: GEMRING_<OPTION> for every option, and the few that are no option.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gemring {

/// "--max-new-tokens" -> "GEMRING_MAX_NEW_TOKENS".
std::string option_variable(std::string_view option);

/// GEMRING_* variables that are no option and still mean something, such as GEMRING_ISA.
std::vector<std::string> other_variables();

/// The names in `environment` ("NAME=value") that begin with GEMRING_ and are in none of the lists above: mostly
/// misspelt options.
std::vector<std::string> unknown_variables(const std::vector<std::string>& environment,
                                           const std::vector<std::string>& known);

/// This process's environment as "NAME=value".
std::vector<std::string> process_environment();

/// The leading number of OMP_NUM_THREADS ("4", "4,2"); 0 where it is unset or holds no positive number.
int omp_num_threads(const std::vector<std::string>& environment);

/// The value of `name`; empty where it is unset.
std::string variable(const std::vector<std::string>& environment, std::string_view name);

}  // namespace gemring

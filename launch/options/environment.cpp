#include "launch/options/environment.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>

namespace gemring {

std::string option_variable(std::string_view option) {
  std::string name = "GEMRING_";
  for (const char c : option.substr(option.find_first_not_of('-'))) {
    const bool lower = c >= 'a' && c <= 'z';
    name += c == '-' ? '_' : lower ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::vector<std::string> other_variables() {
  return {"GEMRING_ISA"};
}

std::vector<std::string> unknown_variables(const std::vector<std::string>& environment,
                                           const std::vector<std::string>& known) {
  std::vector<std::string> allowed = known;
  const std::vector<std::string> others = other_variables();
  allowed.insert(allowed.end(), others.begin(), others.end());
  std::vector<std::string> unknown;
  for (const std::string& entry : environment) {
    const std::string name = entry.substr(0, entry.find('='));
    if (name.starts_with("GEMRING_") && std::find(allowed.begin(), allowed.end(), name) == allowed.end()) {
      unknown.push_back(name);
    }
  }
  std::sort(unknown.begin(), unknown.end());
  return unknown;
}

std::vector<std::string> process_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

std::string variable(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return entry.substr(name.size() + 1);
    }
  }
  return {};
}

int omp_num_threads(const std::vector<std::string>& environment) {
  const std::string value = variable(environment, "OMP_NUM_THREADS");
  int threads = 0;
  std::from_chars(value.data(), value.data() + value.size(), threads);
  return std::max(threads, 0);
}

}  // namespace gemring

// The directory of an evaluation: cases.jsonl, which grows line by line, and settings.json, which says what they hang
// on.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "launch/eval/case_result.h"

namespace gemring {

/// What answers depend on, as texts by name: options, the model's fingerprint, what a method comes to.
using EvalSettings = std::map<std::string, std::string>;

class ResultFolder {
 public:
  /// Makes the directory where there is none, and reads what is there. A last line that a killed run left without its
  /// end is taken away. Throws UsageError: no directory, a file of it that cannot be read or written or is no
  /// evaluation's, settings that differ from `settings`, which it names. Settings that the directory does not have are
  /// added to it.
  ResultFolder(std::string directory, const EvalSettings& settings);
  ~ResultFolder();
  ResultFolder(const ResultFolder&) = delete;
  ResultFolder& operator=(const ResultFolder&) = delete;

  bool has(const std::string& id, const std::string& method) const { return done_.contains({id, method}); }

  /// The line is with the kernel when this returns: a process that is killed then leaves it. Throws ResourceError.
  void append(CaseResult result);

  const std::vector<CaseResult>& results() const { return results_; }  // in the order of their lines
  const EvalSettings& settings() const { return settings_; }           // of all its cases
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

 private:
  void agree_on_settings(const EvalSettings& settings);
  void read_results();

  std::string directory_;
  EvalSettings settings_;
  std::vector<CaseResult> results_;
  std::set<std::pair<std::string, std::string>> done_;
  int descriptor_ = -1;
};

}  // namespace gemring

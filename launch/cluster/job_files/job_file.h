// The text of a job file: a template with the shape of the job and the words of the program, each quoted for its place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "launch/cluster/job_files/job_shape.h"
#include "launch/options/job_options.h"

namespace gemring {

struct JobRequest {
  std::string model;                        // path, as given
  std::optional<std::string> filter_model;  // the same; unset: none
  std::string program;                      // path of this program
  std::vector<std::string> about;           // what the plan was made for, in sentences
};

/// Throws UsageError where a path or word cannot be said to that system.
std::string job_file(const JobOptions& options, const JobShape& shape, const NodeShape& node,
                     const JobRequest& request);

}  // namespace gemring
